import type { RequestHead } from '../http1/request-head.ts';
import { decodePath, readTarget } from '../http1/request-target.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { Inspection, InspectPolicy } from './inspect.ts';

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const SEMICOLON = 0x3b;

/** Grammar and form of the target, and its path once decoded: that is what an application will act upon. */
export function inspectTarget(head: RequestHead, inspection: Inspection): Rejection | undefined {
  const { target } = inspection;
  const fault = readTarget(head, target);
  if (fault !== undefined) return fault;
  inspection.pathBytes = head.bytes;
  inspection.pathStart = head.base + target.pathStart;
  inspection.pathEnd = head.base + target.pathEnd;
  if (!target.hasEscapes) return undefined;
  const decoded = new Uint8Array(target.pathEnd - target.pathStart);
  const end = decodePath(head.bytes, inspection.pathStart, inspection.pathEnd, decoded, 0);
  if (end < 0) return reject('target.malformed', 'an escape in the path that is none, or %00');
  inspection.pathBytes = decoded;
  inspection.pathStart = 0;
  inspection.pathEnd = end;
  return undefined;
}

/** What a decoded path may say, where the policy does not want it. */
export function inspectForbiddenTarget(
  head: RequestHead,
  { request }: InspectPolicy,
  { target, pathBytes, pathStart, pathEnd }: Inspection,
): Rejection | undefined {
  if (target.hasEscapes && request.encodedSlash === 'reject') {
    const { bytes, base } = head;
    const written = separators(bytes, base + target.pathStart, base + target.pathEnd);
    if (separators(pathBytes, pathStart, pathEnd) > written) {
      return reject('target.forbidden', 'an encoded slash or backslash in the path');
    }
  }
  if (request.dotSegments === 'keep' || (!target.hasEscapes && !target.hasDots)) return undefined;
  if (!hasDotSegment(pathBytes, pathStart, pathEnd)) return undefined;
  return reject('target.forbidden', 'a dot segment in the path');
}

function separators(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (isSeparator(bytes[at])) count += 1;
  return count;
}

/**
 * `.` or `..` between slashes (RFC 3986 section 3.3). A backslash counts as a slash, and `..;x` as `..`: some systems
 * behind take them so, and that is how paths leave their root.
 */
function hasDotSegment(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (!isSeparator(bytes[at])) continue;
    let next = at + 1;
    while (next < end && bytes[next] === DOT) next++;
    const dots = next - at - 1;
    const ended = next === end || isSeparator(bytes[next]) || bytes[next] === SEMICOLON;
    if ((dots === 1 || dots === 2) && ended) return true;
  }
  return false;
}

function isSeparator(byte: number | undefined): boolean {
  return byte === SLASH || byte === BACKSLASH;
}
