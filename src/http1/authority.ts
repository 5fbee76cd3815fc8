/**
 * `uri-host [ ":" port ]` (RFC 9112 section 3.2, RFC 3986 section 3.2.2), read on bytes. Narrower than the URI grammar
 * where DNS is: a reg-name holds letters, digits, `-`, `.` and `_`, never an escape or a sub-delimiter, and a port is a
 * number below 65536. Userinfo is not part of it.
 */

const COLON = 0x3a;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const DOT = 0x2e;
const MAX_HOST_BYTES = 255;

const nameBytes = new Uint8Array(256);
for (const c of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._') nameBytes[c.charCodeAt(0)] = 1;

/** The end of the host in `bytes[start, end)`, or -1 if it is no valid authority. */
export function hostEnd(bytes: Uint8Array, start: number, end: number): number {
  const hostStops = bytes[start] === OPENING_BRACKET ? endOfLiteral(bytes, start, end) : endOfName(bytes, start, end);
  if (hostStops < 0 || hostStops === end) return hostStops;
  return bytes[hostStops] === COLON && isPort(bytes, hostStops + 1, end) ? hostStops : -1;
}

function endOfName(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && nameBytes[bytes[at] ?? 0] === 1) at++;
  return at === start || at - start > MAX_HOST_BYTES ? -1 : at;
}

function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  let port = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
    if (port > 65535) return false;
  }
  return end > start;
}

function endOfLiteral(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  while (at < end && bytes[at] !== CLOSING_BRACKET) at++;
  return at < end && isIpv6(bytes, start + 1, at) ? at + 1 : -1;
}

/** RFC 3986 section 3.2.2, IPv6address: eight groups of hex digits, one `::` at most, the last two perhaps dotted. */
function isIpv6(bytes: Uint8Array, start: number, end: number): boolean {
  let groups = 0;
  let gap = false;
  let at = start;
  if (bytes[at] === COLON) {
    if (bytes[at + 1] !== COLON) return false;
    gap = true;
    at += 2;
  }
  while (at < end) {
    const groupEnd = endOfGroup(bytes, at, end);
    if (bytes[groupEnd] === DOT && groupEnd < end) return isIpv4(bytes, at, end) && isComplete(groups + 2, gap);
    if (groupEnd === at || groupEnd - at > 4) return false;
    groups += 1;
    at = groupEnd;
    if (at === end) break;
    if (bytes[at] !== COLON || at + 1 === end) return false;
    at += 1;
    if (bytes[at] === COLON) {
      if (gap) return false;
      gap = true;
      at += 1;
    }
  }
  return isComplete(groups, gap);
}

function isComplete(groups: number, gap: boolean): boolean {
  return gap ? groups <= 7 : groups === 8;
}

function endOfGroup(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isHexDigit(bytes[at] ?? 0)) at++;
  return at;
}

function isHexDigit(byte: number): boolean {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}

function isIpv4(bytes: Uint8Array, start: number, end: number): boolean {
  let octets = 0;
  let at = start;
  while (at <= end) {
    let digits = 0;
    let value = 0;
    const hasLeadingZero = bytes[at] === 0x30;
    while (at < end && bytes[at] !== DOT) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
      digits += 1;
      at += 1;
    }
    if (digits === 0 || digits > 3 || value > 255 || (hasLeadingZero && digits > 1)) return false;
    octets += 1;
    at += 1;
  }
  return octets === 4;
}
