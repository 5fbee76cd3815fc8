import { type Rejection, reject } from '../rejection/rejection.ts';
import { fieldId, fieldSet } from './known-field.ts';
import type { RequestHead } from './request-head.ts';

/**
 * How long the content is (RFC 9112 section 6.3), decided on our own reading of the fields: llhttp has decided too, and
 * the parser compares. One Content-Length of digits, or one Transfer-Encoding that is exactly `chunked` in HTTP/1.1,
 * never both; anything else is how requests are smuggled. A coding that is only unknown is left to the checks behind.
 */
const contentLengthField = fieldId('content-length');
const transferEncodingField = fieldId('transfer-encoding');
const SP = 0x20;
const HTAB = 0x09;
const framingFields = fieldSet('content-length', 'transfer-encoding');

export function decideFraming(head: RequestHead): Rejection | undefined {
  const present = head.present & framingFields;
  if (present === 0) return undefined;
  if (present === framingFields) return reject('framing.conflict', 'Content-Length and Transfer-Encoding');
  return head.has(contentLengthField) ? decideByLength(head) : decideByCoding(head);
}

function decideByLength(head: RequestHead): Rejection | undefined {
  if (head.isRepeated(contentLengthField)) return reject('framing.content-length', 'more than one Content-Length');
  const index = head.find(contentLengthField);
  const length = decimal(head.bytes, head.base + head.valueStart(index), head.base + head.valueEnd(index));
  if (length === undefined) return reject('framing.content-length', 'not a number of bytes');
  if (length > 0) head.framing = 'content-length';
  head.contentLength = length;
  return undefined;
}

/** Codings of all lines are one list. Only `chunked` alone frames; it is never but last, and never twice. */
function decideByCoding(head: RequestHead): Rejection | undefined {
  if (head.minorVersion === 0) return reject('framing.conflict', 'Transfer-Encoding in HTTP/1.0');
  const codings = head
    .values(transferEncodingField)
    .join(',')
    .toLowerCase()
    .split(/[ \t]*,[ \t]*/);
  if (codings.slice(0, -1).includes('chunked')) return reject('framing.conflict', 'chunked is not the last coding');
  if (codings.length > 1 || codings[0] !== 'chunked' || hasTabBehind(head)) head.hasUnknownCoding = true;
  else head.framing = 'chunked';
  return undefined;
}

/** llhttp takes a tab behind `chunked` for a part of its name: where two readings differ, neither frames. */
function hasTabBehind(head: RequestHead): boolean {
  const { bytes, base } = head;
  let at = base + head.valueEnd(head.find(transferEncodingField));
  while (bytes[at] === SP) at++;
  return bytes[at] === HTAB;
}

/** 1*DIGIT as a safe integer, by hand: a language's own conversion takes `+5`, `0x5`, `5_0` and more. */
export function decimal(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (start === end) return undefined;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return value;
}
