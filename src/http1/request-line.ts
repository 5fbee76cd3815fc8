import { type Rejection, reject } from '../rejection/rejection.ts';
import type { RequestHead } from './request-head.ts';

/**
 * `method SP target SP HTTP/1.x CRLF` (RFC 9112 section 3), read once more on the raw bytes around the target that llhttp
 * found: it lets more than one space stand before the version, LF alone or nothing in its place (HTTP/0.9), other versions
 * and other protocols (RTSP, ICE).
 */
const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const ZERO = 0x30;
const ONE = 0x31;
const HTTP = [0x48, 0x54, 0x54, 0x50, 0x2f];
/** ` HTTP/1.1` behind the target, and its CRLF. */
const VERSION_BYTES = 9;
const CRLF_BYTES = 2;

/** Where the line ends, its CRLF not counted; `end` where it has none. */
export function endOfRequestLine({ bytes, base, targetEnd }: RequestHead, end: number): number {
  let at = targetEnd;
  while (at < end && bytes[base + at] !== CR && bytes[base + at] !== LF) at++;
  return at;
}

/** Notes the version in the head, or says what is wrong. The next line begins at `next`. */
export function readRequestLine(head: RequestHead, next: number): Rejection | undefined {
  const { bytes, base, targetStart, targetEnd } = head;
  const oneSpaceEach = endOfMethod(head) === targetStart - 1 && next === targetEnd + VERSION_BYTES + CRLF_BYTES;
  if (!oneSpaceEach || bytes[base + targetEnd] !== SP) {
    return reject('request-line.malformed', 'not one space between its parts');
  }
  if (bytes[base + next - 2] !== CR || bytes[base + next - 1] !== LF) {
    return reject('request-line.malformed', 'no CRLF at its end');
  }
  const version = base + targetEnd + 1;
  for (let i = 0; i < HTTP.length; i++) {
    if (bytes[version + i] !== HTTP[i]) return reject('request-line.malformed', 'a protocol other than HTTP');
  }
  const major = bytes[version + 5];
  const minor = bytes[version + 7];
  if (major !== ONE || (minor !== ZERO && minor !== ONE)) {
    return reject('version.unsupported', 'neither HTTP/1.1 nor HTTP/1.0');
  }
  head.minorVersion = minor === ONE ? 1 : 0;
  return undefined;
}

function endOfMethod({ bytes, base, targetStart }: RequestHead): number {
  let at = 0;
  while (at < targetStart && bytes[base + at] !== SP) at++;
  return at;
}
