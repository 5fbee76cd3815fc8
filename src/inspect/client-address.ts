export type AddressFamily = 'ipv4' | 'ipv6';

/** An address as 32-bit words, the most significant first: one for IPv4, four for IPv6. */
export type ClientAddress = { readonly family: AddressFamily; readonly words: Uint32Array };

/** The addresses that begin with the same `prefixLength` bits (RFC 4632 section 3.1, RFC 4291 section 2.3). */
export type AddressBlock = {
  readonly first: ClientAddress;
  readonly prefixLength: number;
  /** The address as written has bits below the prefix: `10.1.2.3/8` is `10.0.0.0/8`, or was meant to be `10.1.2.3`. */
  readonly hasHostBits: boolean;
};

const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const GROUPS = 8;
/** `::ffff:0:0/96` (RFC 4291 section 2.5.5.2). */
const MAPPED_BITS = 96;

const groups = new Uint16Array(GROUPS);

/**
 * Reads what `socket.remoteAddress` has. IPv4 is four decimal numbers without leading zeros, which some readers take for
 * octal. A socket that listens on `::` has IPv4 clients as `::ffff:192.0.2.1`: those are IPv4, in whatever form, so that
 * no rule has to name them twice. A zone (`fe80::1%eth0`, RFC 4007 section 11) says which link, and is left out.
 */
export function parseAddress(text: string): ClientAddress | undefined {
  const zone = text.indexOf('%');
  if (zone < 0) return readAddress(text);
  const address = zone + 1 < text.length ? readWords(text, zone) : undefined;
  return address?.length === 4 ? addressOf(address) : undefined;
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32`, or one address. A mapped block (`::ffff:10.0.0.0/104`) is one of IPv4; shorter
 * prefixes than 96 are IPv6 alone. No zone: a set of addresses does not look at it, and would hold more than was written.
 */
export function parseBlock(text: string): AddressBlock | undefined {
  const slash = text.indexOf('/');
  const words = readWords(text, slash < 0 ? text.length : slash);
  if (words === undefined) return undefined;
  const bits = words.length * 32;
  const prefixLength = slash < 0 ? bits : readPrefixLength(text.slice(slash + 1), bits);
  if (prefixLength < 0) return undefined;
  const mayBeMapped = words.length === 4 && prefixLength >= MAPPED_BITS;
  const hasHostBits = clearHostBits(words, prefixLength);
  const address = mayBeMapped ? addressOf(words) : withFamily(words);
  return { first: address, prefixLength: prefixLength - bits + address.words.length * 32, hasHostBits };
}

/** Whether there were any. */
function clearHostBits(words: Uint32Array, prefixLength: number): boolean {
  let hadAny = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? 0;
    const mask = hostMask(prefixLength, index);
    if ((word & mask) !== 0) hadAny = true;
    words[index] = word & ~mask;
  }
  return hadAny;
}

/** The bits of word `index` that lie below a prefix. */
export function hostMask(prefixLength: number, index: number): number {
  const bits = prefixLength - index * 32;
  if (bits <= 0) return 0xffffffff;
  return bits >= 32 ? 0 : 0xffffffff >>> bits;
}

function readAddress(text: string): ClientAddress | undefined {
  const words = readWords(text, text.length);
  return words === undefined ? undefined : addressOf(words);
}

/** One word is IPv4, four are IPv6, or IPv4 that is mapped into it. */
export function addressOf(words: Uint32Array): ClientAddress {
  const isMapped = words.length === 4 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return withFamily(isMapped ? oneWord(words[3] ?? 0) : words);
}

function oneWord(word: number): Uint32Array {
  const words = new Uint32Array(1);
  words[0] = word;
  return words;
}

function withFamily(words: Uint32Array): ClientAddress {
  return { family: words.length === 1 ? 'ipv4' : 'ipv6', words };
}

function readPrefixLength(text: string, most: number): number {
  return /^(0|[1-9][0-9]{0,2})$/.test(text) && Number(text) <= most ? Number(text) : -1;
}

function readWords(text: string, end: number): Uint32Array | undefined {
  const ipv4 = readIpv4(text, 0, end);
  if (ipv4 >= 0) return oneWord(ipv4);
  if (!readGroups(text, end)) return undefined;
  const words = new Uint32Array(4);
  for (let index = 0; index < GROUPS; index++) {
    words[index >> 1] = ((words[index >> 1] ?? 0) << 16) | (groups[index] ?? 0);
  }
  return words;
}

/** -1 if it is none. */
function readIpv4(text: string, start: number, end: number): number {
  let address = 0;
  let octets = 0;
  let at = start;
  while (at < end) {
    const octetStart = at;
    let octet = 0;
    for (; at < end && text.charCodeAt(at) !== DOT; at++) {
      const digit = text.charCodeAt(at) - ZERO;
      if (digit < 0 || digit > 9 || at - octetStart === 3) return -1;
      octet = octet * 10 + digit;
    }
    const digits = at - octetStart;
    if (digits === 0 || octet > 255 || (digits > 1 && text.charCodeAt(octetStart) === ZERO)) return -1;
    address = address * 256 + octet;
    octets += 1;
    at += 1;
  }
  return octets === 4 && at === end + 1 ? address : -1;
}

/** RFC 4291 section 2.2, into `groups`: eight of them, one `::` for some that are zero, the last two perhaps dotted. */
function readGroups(text: string, end: number): boolean {
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.startsWith('::') && end > 1) {
    gap = 0;
    at = 2;
  }
  while (at < end) {
    const groupEnd = endOfGroup(text, at, end);
    if (groupEnd < end && text.charCodeAt(groupEnd) === DOT) {
      const embedded = readIpv4(text, at, end);
      if (embedded < 0 || count > GROUPS - 2) return false;
      groups[count++] = embedded >>> 16;
      groups[count++] = embedded & 0xffff;
      break;
    }
    if (groupEnd === at || groupEnd - at > 4 || count === GROUPS) return false;
    groups[count++] = groupValue(text, at, groupEnd);
    at = groupEnd;
    if (at === end) break;
    if (text.charCodeAt(at) !== COLON || at + 1 === end) return false;
    at += 1;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return false;
      gap = count;
      at += 1;
    }
  }
  return gap < 0 ? count === GROUPS : count < GROUPS && fillGap(gap, count);
}

function fillGap(gap: number, count: number): true {
  const gapEnd = GROUPS - (count - gap);
  groups.copyWithin(gapEnd, gap, count);
  groups.fill(0, gap, gapEnd);
  return true;
}

function endOfGroup(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && isHexDigit(text.charCodeAt(at))) at++;
  return at;
}

function groupValue(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    value = value * 16 + (code <= 0x39 ? code - ZERO : (code | 0x20) - 0x57);
  }
  return value;
}

function isHexDigit(code: number): boolean {
  const letter = code | 0x20;
  return (code >= ZERO && code <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}
