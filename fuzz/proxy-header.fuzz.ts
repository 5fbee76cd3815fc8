import { isDeepStrictEqual } from 'node:util';
import { ProxyPreamble } from '../src/accept/proxy-preamble.ts';
import {
  longestV1,
  longestV2,
  type ProxyHeader,
  type ProxyVersion,
  readProxyHeader,
} from '../src/accept/proxy-protocol.ts';
import type { PreambleReading } from '../src/connection/preamble.ts';
import { addressText } from '../src/inspect/address-text.ts';
import { parseAddress } from '../src/inspect/client-address.ts';
import { cutAt } from './control.ts';
import { Violation } from './violation.ts';

/** The first byte of an input chooses the version, the second one the cuts (`cutAt`); the rest begins a connection. */
export const CONTROL_BYTES = 2;
const versions: readonly ProxyVersion[] = ['v1', 'v2', 'any'];

/**
 * What a connection begins with is a header, the start of one, or none, and says so in fixed words. Cuts change nothing.
 * No byte behind the header is looked at or taken, and none that is not there; a source is an address and a port that read
 * the same again.
 */
export function fuzz(data: Buffer): void {
  if (data.length < CONTROL_BYTES) return;
  const [chosen = 0, cuts = 0] = data;
  const version = versions[chosen % versions.length] ?? 'any';
  const bytes = data.subarray(CONTROL_BYTES);
  const header = readProxyHeader(bytes, version);
  checkHeader(header, bytes, version);
  checkCuts(header, bytes, cuts, version);
}

function checkHeader(header: ProxyHeader, bytes: Uint8Array, version: ProxyVersion): void {
  const longest = bytes[0] === 0x50 ? longestV1 : longestV2;
  if (header.type === 'incomplete') {
    if (bytes.length >= longest) throw new Violation('bounded-memory', `${bytes.length} bytes without a word`);
    return;
  }
  if (header.type === 'malformed') {
    if (!/^[A-Za-z0-9 ,]{1,80}$/.test(header.fault)) throw new Violation('fixed-words', JSON.stringify(header.fault));
    return;
  }
  const { length, source } = header;
  if (length > bytes.length || length > longest)
    throw new Violation('header-alone', `${length} of ${bytes.length} bytes`);
  if (!isDeepStrictEqual(readProxyHeader(bytes.subarray(0, length), version), header)) {
    throw new Violation('header-alone', 'what follows changes it');
  }
  if (readProxyHeader(bytes.subarray(0, length - 1), version).type !== 'incomplete') {
    throw new Violation('header-alone', 'its last byte is not needed');
  }
  if (source === null) return;
  const text = addressText(source.address);
  if (!isDeepStrictEqual(parseAddress(text), source.address)) throw new Violation('same-address', text);
  if (!/^(?:0|[1-9]\d{0,4})$/.test(source.port) || Number(source.port) > 65535) {
    throw new Violation('port', JSON.stringify(source.port));
  }
}

/** Read by a connection, from memory that each piece overwrites. */
function checkCuts(header: ProxyHeader, bytes: Uint8Array, cuts: number, version: ProxyVersion): void {
  const preamble = new ProxyPreamble(version);
  let reading: PreambleReading = { type: 'incomplete' };
  let taken = 0;
  for (const piece of cutAt(bytes, cuts)) {
    const lent = Buffer.from(piece);
    reading = preamble.receive(lent);
    taken += piece.length;
    if (reading.type !== 'incomplete') break;
    lent.fill(0);
  }
  const expected = header.type === 'complete' ? { type: 'complete', source: header.source } : header;
  const { rest, ...found } = reading.type === 'complete' ? reading : { ...reading, rest: undefined };
  if (!isDeepStrictEqual(found, expected)) {
    throw new Violation('split-invariant', `in pieces: ${JSON.stringify(found)}\nwhole: ${JSON.stringify(expected)}`);
  }
  if (header.type !== 'complete' || rest === undefined) return;
  if (!Buffer.from(bytes.subarray(header.length, taken)).equals(rest)) {
    throw new Violation('rest', `${rest.length} bytes behind ${header.length} of ${taken}`);
  }
}
