import { addressOf, type ClientAddress, parseAddress } from '../inspect/client-address.ts';
import type { Endpoint } from '../inspect/forwarded.ts';

/**
 * The header by which a proxy that forwards bytes says whose they are. Source: "The PROXY protocol, versions 1 & 2"
 * (HAProxy's doc/proxy-protocol.txt), sections 2.1 and 2.2.
 *
 * Whether a connection has one is known before its first byte, by who the peer is. The specification forbids to guess from
 * the bytes: a client could write the header itself.
 */
export type ProxyVersion = 'v1' | 'v2' | 'any';

/** Pure, and decided by the first bytes that suffice: whatever comes behind them changes nothing. */
export type ProxyHeader =
  | { readonly type: 'incomplete' }
  | { readonly type: 'malformed'; readonly fault: string }
  /** `length` bytes are the header. `source` null: the proxy speaks for itself, or does not know for whom. */
  | { readonly type: 'complete'; readonly length: number; readonly source: Endpoint | null };

/** Section 2.1: the longest line that version 1 can make, its CRLF included. */
export const longestV1 = 107;
/** Section 2.2: a sender keeps within what the smallest segment takes, so that a header arrives at once. */
export const longestV2 = 536;

const signatureV1 = Buffer.from('PROXY ', 'latin1');
const signatureV2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const fixedV2 = 16;
const incomplete: ProxyHeader = { type: 'incomplete' };

/** `bytes` are all that came since the connection began. */
export function readProxyHeader(bytes: Uint8Array, version: ProxyVersion): ProxyHeader {
  if (bytes.length === 0) return incomplete;
  // The first byte tells two versions of one header apart, not a header from none.
  if (version === 'v2' || (version === 'any' && bytes[0] === signatureV2[0])) return readV2(bytes);
  return readV1(bytes);
}

function readV1(bytes: Uint8Array): ProxyHeader {
  if (!beginsWith(bytes, signatureV1)) return malformed('the connection does not begin with PROXY');
  const line = Buffer.from(bytes.subarray(0, longestV1)).toString('latin1');
  const end = line.indexOf('\r\n');
  if (end < 0) return bytes.length < longestV1 ? incomplete : malformed(`no CRLF within ${longestV1} bytes`);
  const length = end + 2;
  const [family = '', ...rest] = line.slice(signatureV1.length, end).split(' ');
  // Whatever follows it is to be ignored.
  if (family === 'UNKNOWN') return { type: 'complete', length, source: null };
  const [from = '', to = '', fromPort = '', toPort = ''] = rest;
  const address = family === 'TCP4' || family === 'TCP6' ? readAddress(from, family) : undefined;
  if (address === undefined || readAddress(to, family) === undefined) return malformed('no pair of addresses in it');
  if (rest.length !== 4 || !isPort(fromPort) || !isPort(toPort)) return malformed('no pair of ports in it');
  return { type: 'complete', length, source: { address, port: fromPort } };
}

/** No zone: it means a link of the proxy's. */
function readAddress(text: string, family: string): ClientAddress | undefined {
  const isOfFamily = text.includes(':') === (family === 'TCP6') && !text.includes('%');
  return isOfFamily ? parseAddress(text) : undefined;
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) < 65536;
}

/** Low half of byte 13. */
const command = { local: 0, proxy: 1 } as const;
/** High half of byte 14 where there are addresses, and the bytes that those take. */
const addressBytes: Readonly<Record<number, number>> = { 1: 12, 2: 36, 3: 216 };
const ipv4 = 1;
const ipv6 = 2;
/** Low half of it. */
const stream = 1;

function readV2(bytes: Uint8Array): ProxyHeader {
  if (!beginsWith(bytes, signatureV2))
    return malformed('the connection does not begin with the signature of version 2');
  if (bytes.length < fixedV2) return incomplete;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const versionAndCommand = view.getUint8(12);
  if (versionAndCommand >> 4 !== 2)
    return malformed(`version ${versionAndCommand >> 4} behind the signature of version 2`);
  const said = versionAndCommand & 15;
  if (said > command.proxy) return malformed(`no command is ${said}`);
  const length = fixedV2 + view.getUint16(14);
  if (length > longestV2) return malformed(`${length} bytes, more than ${longestV2}`);
  const family = view.getUint8(13) >> 4;
  const transport = view.getUint8(13) & 15;
  // Whoever speaks for itself says LOCAL, and its addresses are not looked at: a proxy's own health check.
  const isLocal = said === command.local;
  if (!isLocal && (family > 3 || transport > 2)) return malformed(`no family is ${family} with transport ${transport}`);
  if (!isLocal && length < fixedV2 + (addressBytes[family] ?? 0)) return malformed('too short for its addresses');
  if (bytes.length < length) return incomplete;
  // Behind the addresses: what TLS or the cloud has to add, a checksum that TCP has too. Nothing here asks for it.
  const source = isLocal || transport !== stream ? null : sourceOf(view, family);
  return { type: 'complete', length, source };
}

/** Null for a Unix socket, and for what the proxy does not tell. */
function sourceOf(view: DataView, family: number): Endpoint | null {
  if (family === ipv4) {
    return { address: addressOfWords(view, 1), port: String(view.getUint16(fixedV2 + 8)) };
  }
  if (family === ipv6) {
    return { address: addressOfWords(view, 4), port: String(view.getUint16(fixedV2 + 32)) };
  }
  return null;
}

function addressOfWords(view: DataView, count: number): ClientAddress {
  const words = Uint32Array.from({ length: count }, (_, index) => view.getUint32(fixedV2 + 4 * index));
  return addressOf(words);
}

function beginsWith(bytes: Uint8Array, signature: Uint8Array): boolean {
  const length = Math.min(bytes.length, signature.length);
  for (let at = 0; at < length; at++) if (bytes[at] !== signature[at]) return false;
  return true;
}

function malformed(fault: string): ProxyHeader {
  return { type: 'malformed', fault };
}
