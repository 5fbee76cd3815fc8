import { type Rejection, reject } from '../rejection/rejection.ts';
import { hostEnd } from './authority.ts';
import type { RequestHead } from './request-head.ts';

/** RFC 9112 section 3.2. authority-form is CONNECT's alone, which this server does not implement. */
export type TargetForm = 'origin' | 'absolute' | 'asterisk';

/** Where the parts of a target stand in its head. An empty part has equal ends. */
export class RequestTarget {
  form: TargetForm = 'origin';
  authorityStart = 0;
  authorityEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  queryStart = 0;
  queryEnd = 0;
  /** The path holds percent-encoded bytes, or segments that begin with a dot: it needs a second look. */
  hasEscapes = false;
  hasDots = false;
}

const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;
const PERCENT = 0x25;
const DOT = 0x2e;
const ASTERISK = 0x2a;

const PATH = 1;
const QUERY = 2;
/**
 * RFC 3986 sections 3.3 and 3.4, and what clients send raw all the same: browsers `|[]` in a path and more in a query,
 * curl whatever was typed. Never `<`, `>`, `#`, control bytes or bytes above 0x7f, and no backslash in a path.
 */
const allowed = new Uint8Array(256);
for (const c of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&\'()*+,;=:@/%|[]{}^`"') {
  allowed[c.charCodeAt(0)] = PATH | QUERY;
}
for (const c of '?\\') allowed[c.charCodeAt(0)] = QUERY;

const schemeBytes = Uint8Array.from('http://', (c) => c.charCodeAt(0));

/** Finds the parts of the target, or says what is wrong with it. `target` is overwritten. */
export function readTarget(head: RequestHead, target: RequestTarget): Rejection | undefined {
  const { bytes, base } = head;
  const first = bytes[base + head.targetStart];
  target.authorityStart = head.targetStart;
  target.authorityEnd = head.targetStart;
  if (first === SLASH) {
    target.form = 'origin';
    return readPathAndQuery(head, target, head.targetStart);
  }
  if (first === ASTERISK) {
    target.form = 'asterisk';
    target.pathStart = head.targetStart;
    target.pathEnd = head.targetEnd;
    target.queryStart = target.queryEnd = head.targetEnd;
    target.hasEscapes = target.hasDots = false;
    if (head.method === 'OPTIONS' && head.targetEnd - head.targetStart === 1) return undefined;
    return reject('target.malformed', 'asterisk-form is for OPTIONS alone');
  }
  target.form = 'absolute';
  return readAbsolute(head, target);
}

function readAbsolute(head: RequestHead, target: RequestTarget): Rejection | undefined {
  const { bytes, base } = head;
  for (let at = 0; at < schemeBytes.length; at++) {
    const byte = bytes[base + head.targetStart + at] ?? 0;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== schemeBytes[at]) {
      return reject('target.malformed', 'neither a path nor an http URI');
    }
  }
  const start = head.targetStart + schemeBytes.length;
  let end = start;
  while (end < head.targetEnd && bytes[base + end] !== SLASH && bytes[base + end] !== QUESTION_MARK) end++;
  if (hostEnd(bytes, base + start, base + end) < 0) return reject('target.malformed', 'no valid authority');
  target.authorityStart = start;
  target.authorityEnd = end;
  return readPathAndQuery(head, target, end);
}

function readPathAndQuery(head: RequestHead, target: RequestTarget, start: number): Rejection | undefined {
  const { bytes, base, targetEnd } = head;
  let escapes = 0;
  let dots = false;
  let at = start;
  for (; at < targetEnd; at++) {
    const byte = bytes[base + at] ?? 0;
    if (byte === QUESTION_MARK) break;
    if (((allowed[byte] ?? 0) & PATH) === 0) return reject('target.malformed', 'a byte that a path may not hold');
    if (byte === PERCENT) escapes += 1;
    else if (byte === DOT && bytes[base + at - 1] === SLASH) dots = true;
  }
  target.pathStart = start;
  target.pathEnd = at;
  target.hasEscapes = escapes > 0;
  target.hasDots = dots;
  target.queryStart = Math.min(at + 1, targetEnd);
  target.queryEnd = targetEnd;
  for (; at < targetEnd; at++) {
    if (((allowed[bytes[base + at] ?? 0] ?? 0) & QUERY) === 0) {
      return reject('target.malformed', 'a byte that a query may not hold');
    }
  }
  return undefined;
}

/**
 * Percent-decodes `bytes[start, end)` into `into` from `at` on and answers where it ends; `into` has room for the
 * encoded length. -1: an escape that is none, or `%00`, which no policy can allow since environs are NUL-separated.
 */
export function decodePath(bytes: Uint8Array, start: number, end: number, into: Uint8Array, at: number): number {
  let to = at;
  for (let from = start; from < end; from++) {
    let byte = bytes[from] ?? 0;
    if (byte === PERCENT) {
      const high = from + 2 < end ? hexDigit(bytes[from + 1] ?? 0) : -1;
      const low = from + 2 < end ? hexDigit(bytes[from + 2] ?? 0) : -1;
      byte = high * 16 + low;
      if (high < 0 || low < 0 || byte === 0) return -1;
      from += 2;
    }
    into[to++] = byte;
  }
  return to;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
