import type { ClientAddress } from './client-address.ts';

/**
 * An address in its one form, whatever form it came in, so that equal addresses are equal texts for logs and applications:
 * four decimal numbers, or RFC 5952 (lower case, no leading zeros, `::` for the first of the longest runs of zero groups).
 */
export function addressText({ family, words }: ClientAddress): string {
  return family === 'ipv4' ? dotted(words[0] ?? 0) : grouped(words);
}

function dotted(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;
}

function grouped(words: Uint32Array): string {
  const groups: number[] = [];
  for (const word of words) groups.push(word >>> 16, word & 0xffff);
  const { start, length } = longestZeros(groups);
  // RFC 5952 section 4.2.2: one group alone is written as 0.
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}
