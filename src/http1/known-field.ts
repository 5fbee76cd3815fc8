/**
 * The field names that mean something to the edge, told apart on bytes: no string is made for the others, nor for these.
 * A name that is not listed is `OTHER`. `x-forwarded-` stands for all names that begin so.
 */
export const OTHER = 0;
const names = [
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'connection',
  'expect',
  'upgrade',
  'cookie',
  'authorization',
  'user-agent',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'proxy',
  'proxy-authenticate',
  'proxy-authorization',
  'http2-settings',
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-forwarded-',
] as const;

export type KnownFieldName = (typeof names)[number];

/** The number by which a head tells this name: 1 to 31, so that a set of them fits in one integer. */
export function fieldId(name: KnownFieldName): number {
  return names.indexOf(name) + 1;
}

/** A set of names, to be compared with `RequestHead.present` and `RequestHead.repeated`. */
export function fieldSet(...members: readonly KnownFieldName[]): number {
  return members.reduce((set, name) => set | (1 << fieldId(name)), 0);
}

export const KNOWN_FIELDS = names.length + 1;

const encoded = names.map((name) => Uint8Array.from(name, (c) => c.charCodeAt(0)));
const forwardedPrefix = fieldId('x-forwarded-');
const LONGEST = Math.max(...names.map((name) => name.length));

/** At most one known name has this length and this first letter: asserted here, relied on below. */
const byLengthAndLetter = new Uint8Array((LONGEST + 1) * 32);
for (const name of names) {
  const slot = name.length * 32 + (name.charCodeAt(0) & 31);
  if (byLengthAndLetter[slot] !== 0) throw new Error(`${name} needs a second look-up`);
  if (fieldId(name) !== forwardedPrefix) byLengthAndLetter[slot] = fieldId(name);
}

/** `bytes[start, end)` is a valid field name in any letter case. Bit 5 folds ASCII letters and leaves `-` as it is. */
export function identifyField(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const letter = (bytes[start] ?? 0) & 31;
  const id = length <= LONGEST ? (byLengthAndLetter[length * 32 + letter] ?? OTHER) : OTHER;
  if (id !== OTHER && startsWith(bytes, start, id, length)) return id;
  if (letter === 24 && length > 12 && startsWith(bytes, start, forwardedPrefix, 12)) return forwardedPrefix;
  return OTHER;
}

function startsWith(bytes: Uint8Array, start: number, id: number, length: number): boolean {
  const name = encoded[id - 1];
  if (name === undefined) return false;
  for (let at = 0; at < length; at++) if (((bytes[start + at] ?? 0) | 0x20) !== name[at]) return false;
  return true;
}
