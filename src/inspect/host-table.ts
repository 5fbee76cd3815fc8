import { FIRST_HASH, hashByte } from './fnv.ts';

/**
 * Which entries of a policy are about a host. All patterns lie in two maps by the hash of their text, read from its end;
 * so one pass over a name from its end finds every wildcard above it at the border of a label, and the name itself at its
 * start. However many patterns there are, a lookup costs its bytes and its labels.
 */

/** `pattern` is a host in lower case, `example.com`, `192.0.2.1` or `[2001:db8::1]`, or `*.example.com`. */
export type HostPattern<Value> = { readonly pattern: string; readonly value: Value };

/** What is said about one pattern, in the order it was given. */
export type HostEntry<Value> = {
  readonly pattern: string;
  readonly values: readonly Value[];
  /** The next less specific pattern that holds all names of this one. */
  readonly next: HostEntry<Value> | undefined;
};

type CompiledEntry<Value> = {
  readonly pattern: string;
  readonly values: Value[];
  next: CompiledEntry<Value> | undefined;
  /** Another entry whose hash is the same. */
  readonly sameHash: CompiledEntry<Value> | undefined;
};

type EntriesByHash<Value> = Map<number, CompiledEntry<Value>>;

const ASTERISK = 0x2a;
const DOT = 0x2e;
const COLON = 0x3a;
const CLOSING_BRACKET = 0x5d;

export class HostTable<Value> {
  private readonly exact: EntriesByHash<Value> = new Map();
  private readonly wildcards: EntriesByHash<Value> = new Map();

  constructor(patterns: readonly HostPattern<Value>[]) {
    const entries = new Map<string, CompiledEntry<Value>>();
    for (const { pattern, value } of patterns) {
      const known = entries.get(pattern);
      if (known === undefined) entries.set(pattern, this.add(pattern, value));
      else known.values.push(value);
    }
    for (const entry of entries.values()) entry.next = wildcardAbove(entry.pattern, entries);
  }

  /**
   * The most specific entry for the host in `bytes[start, end)`: its name, else the longest wildcard. Letter case does not
   * count, nor a port behind it, nor one dot at its end (`example.com.` is the same name for DNS). `hostEnd` has found the
   * authority valid.
   */
  find(bytes: Uint8Array, start: number, end: number): HostEntry<Value> | undefined {
    const nameEnd = endOfName(bytes, start, end);
    let found: CompiledEntry<Value> | undefined;
    let hash = FIRST_HASH;
    for (let at = nameEnd - 1; at >= start; at--) {
      const byte = lowerCase(bytes[at] ?? 0);
      hash = hashByte(hash, byte);
      // A wildcard wants a label below it.
      if (byte === DOT && at > start) found = entryOf(this.wildcards.get(hash), bytes, at, nameEnd) ?? found;
    }
    return entryOf(this.exact.get(hash), bytes, start, nameEnd) ?? found;
  }

  private add(pattern: string, value: Value): CompiledEntry<Value> {
    const start = suffixStart(pattern);
    const entries = start > 0 ? this.wildcards : this.exact;
    let hash = FIRST_HASH;
    for (let at = pattern.length - 1; at >= start; at--) hash = hashByte(hash, pattern.charCodeAt(at));
    const entry: CompiledEntry<Value> = { pattern, values: [value], next: undefined, sameHash: entries.get(hash) };
    entries.set(hash, entry);
    return entry;
  }
}

/** Where the part of a pattern begins that is compared: `.example.com` of a wildcard. */
function suffixStart(pattern: string): number {
  return pattern.charCodeAt(0) === ASTERISK ? 1 : 0;
}

/** The longest wildcard that holds all names of a pattern, itself excepted. */
function wildcardAbove<Entry>(pattern: string, entries: ReadonlyMap<string, Entry>): Entry | undefined {
  for (let dot = pattern.indexOf('.', suffixStart(pattern) + 1); dot > 0; dot = pattern.indexOf('.', dot + 1)) {
    const wildcard = entries.get(`*${pattern.slice(dot)}`);
    if (wildcard !== undefined) return wildcard;
  }
  return undefined;
}

function endOfName(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[end - 1] === CLOSING_BRACKET) return end;
  let at = end;
  while (at > start && isDigit(bytes[at - 1] ?? 0)) at--;
  const hostEnd = at > start && bytes[at - 1] === COLON ? at - 1 : end;
  return hostEnd > start && bytes[hostEnd - 1] === DOT ? hostEnd - 1 : hostEnd;
}

function entryOf<Value>(
  first: CompiledEntry<Value> | undefined,
  bytes: Uint8Array,
  start: number,
  end: number,
): CompiledEntry<Value> | undefined {
  for (let entry = first; entry !== undefined; entry = entry.sameHash) {
    if (isEqual(entry.pattern, bytes, start, end)) return entry;
  }
  return undefined;
}

function isEqual(pattern: string, bytes: Uint8Array, start: number, end: number): boolean {
  const offset = suffixStart(pattern) - start;
  if (pattern.length - offset !== end) return false;
  for (let at = start; at < end; at++) if (pattern.charCodeAt(at + offset) !== lowerCase(bytes[at] ?? 0)) return false;
  return true;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
