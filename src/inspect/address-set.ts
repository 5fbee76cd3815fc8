import { type AddressBlock, type AddressFamily, type ClientAddress, hostMask, parseBlock } from './client-address.ts';

/** Disjoint ranges in order, both ends within: `width` words an address. */
type Ranges = { readonly width: number; readonly firsts: Uint32Array; readonly lasts: Uint32Array };

/** Which clients a rule is about. Compiled once from a policy, asked for every connection; the two families stay apart. */
export class AddressSet {
  private readonly ipv4: Ranges;
  private readonly ipv6: Ranges;

  /** `blocks` as `parseBlock` takes them; another text is our mistake and throws. */
  constructor(blocks: readonly string[]) {
    const parsed = blocks.map(blockOf);
    this.ipv4 = merge(parsed, 'ipv4', 1);
    this.ipv6 = merge(parsed, 'ipv6', 4);
  }

  has({ family, words }: ClientAddress): boolean {
    const { width, firsts, lasts } = family === 'ipv4' ? this.ipv4 : this.ipv6;
    let low = 0;
    let high = firsts.length / width;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(firsts, middle * width, words, width) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compare(lasts, (low - 1) * width, words, width) >= 0;
  }

  get isEmpty(): boolean {
    return this.ipv4.firsts.length === 0 && this.ipv6.firsts.length === 0;
  }

  /** Every address of a family is in it: `0.0.0.0/0`, or two halves of it. Worth a warning where the set means trust. */
  coversAll(family: AddressFamily): boolean {
    const { width, firsts, lasts } = family === 'ipv4' ? this.ipv4 : this.ipv6;
    return firsts.length === width && firsts.every((word) => word === 0) && lasts.every((word) => word === 0xffffffff);
  }
}

function blockOf(text: string): AddressBlock {
  const block = parseBlock(text);
  if (block === undefined) throw new Error(`no block of addresses: ${text}`);
  return block;
}

function merge(all: readonly AddressBlock[], family: AddressFamily, width: number): Ranges {
  const blocks = all.filter(({ first }) => first.family === family);
  blocks.sort((a, b) => compare(a.first.words, 0, b.first.words, width) || a.prefixLength - b.prefixLength);
  const firsts = new Uint32Array(blocks.length * width);
  const lasts = new Uint32Array(blocks.length * width);
  let end = 0;
  for (const { first, prefixLength } of blocks) {
    // Two blocks are disjoint, or one holds the other: what begins within the range before ends there too.
    if (end > 0 && compare(lasts, end - width, first.words, width) >= 0) continue;
    if (end === 0 || !isNext(lasts, end - width, first.words, width)) {
      firsts.set(first.words, end);
      end += width;
    }
    for (let index = 0; index < width; index++) {
      lasts[end - width + index] = (first.words[index] ?? 0) | hostMask(prefixLength, index);
    }
  }
  return { width, firsts: firsts.slice(0, end), lasts: lasts.slice(0, end) };
}

function compare(words: Uint32Array, at: number, others: Uint32Array, width: number): number {
  for (let index = 0; index < width; index++) {
    const word = words[at + index] ?? 0;
    const other = others[index] ?? 0;
    if (word !== other) return word < other ? -1 : 1;
  }
  return 0;
}

/** Whether `next` is the address behind the one at `at`. */
function isNext(words: Uint32Array, at: number, next: Uint32Array, width: number): boolean {
  let carry = 1;
  for (let index = width - 1; index >= 0; index--) {
    const sum = ((words[at + index] ?? 0) + carry) >>> 0;
    if (sum !== next[index]) return false;
    if (sum !== 0) carry = 0;
  }
  return carry === 0;
}
