import { type Rejection, reject } from '../rejection/rejection.ts';
import { identifyField } from './known-field.ts';
import type { RequestHead } from './request-head.ts';

/**
 * `name ":" OWS value OWS CRLF` for each field line and an empty line behind them (RFC 9112 section 5), read once more on
 * the raw bytes between the spans that llhttp found, so that a parser that had become lenient would be found out.
 */
const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HTAB = 0x09;
const COLON = 0x3a;

/** Tells the known names apart and trims the values, or says what is wrong. The last line ends at `end`. */
export function readFieldSection(head: RequestHead, end: number): Rejection | undefined {
  const { bytes, base, fieldCount } = head;
  let start = fieldCount === 0 ? end + 2 : head.nameStart(0);
  for (let index = 0; index < fieldCount; index++) {
    const nameEnd = head.nameEnd(index);
    const next = index + 1 < fieldCount ? head.nameStart(index + 1) : end + 2;
    if (bytes[base + next - 2] !== CR || bytes[base + next - 1] !== LF) {
      return reject('field.malformed', 'no CRLF at the end of a field line');
    }
    if (nameEnd === start || bytes[base + nameEnd] !== COLON) {
      return reject('field.malformed', 'no colon behind a name');
    }
    const valueEnd = head.valueEnd(index);
    const last = bytes[base + valueEnd - 1];
    if (last === SP || last === HTAB) trimValue(head, index, valueEnd);
    head.setId(index, identifyField(bytes, base + start, base + nameEnd));
    start = next;
  }
  const ended = bytes[base + end + 2] === CR && bytes[base + end + 3] === LF;
  return ended ? undefined : reject('field.malformed', 'no empty line at the end of the head');
}

function trimValue(head: RequestHead, index: number, end: number): void {
  const { bytes, base } = head;
  const start = head.valueStart(index);
  let last = end;
  while (last > start && (bytes[base + last - 1] === SP || bytes[base + last - 1] === HTAB)) last--;
  head.setValue(index, start, last);
}
