import { ResponseHead } from '../src/http1/response-head.ts';
import { ResponseWriter } from '../src/http1/response-writer.ts';
import { cutAt } from './control.ts';
import { nodeResponses, type ReadResponse } from './oracle/node-responses.ts';
import { Violation } from './violation.ts';

/**
 * An input is the responses of one connection, two LF between them, which no head may hold. Three bytes of control come
 * first in each: bit 0, it answers HEAD; bit 1, in HTTP/1.0; bit 2, the connection ends with it; bit 3, the end comes by
 * itself behind the content; then how many bytes of content there are, and how they are cut (`cutAt`). What follows is the
 * encoded head. Content repeats the bytes of the whole input, so that it may look like a response.
 */
export const CONTROL_BYTES = 3;
export const SEPARATOR = '\n\n';

const dateLine = Buffer.from('Date: now\r\n');
const probe = Buffer.from('HTTP/1.1 299 Probe\r\nContent-Length: 0\r\n\r\n');

/** What is said of a head that is refused, and no byte of the head besides the three digits of a status. */
const faults =
  /^(?:a (?:status that is not three digits and a reason|control byte in the reason|control byte in a field value|field name that is not a token|field without a name or a value|field value without its end|Content-Length that is not a number of bytes|second Content-Length|hop-by-hop field: [a-z-]{2,19})|status \d{1,3}, which an application may not send)$/;

const status = /^[2-5]\d\d [\t\x20-\x7e\x80-\xff]*$/;
const name = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const value = /^[\t\x20-\x7e\x80-\xff]*$/;
/** RFC 9110 section 7.6.1, and the fields of a proxy. */
const hopByHop =
  /^(?:connection|keep-alive|proxy-connection|transfer-encoding|te|trailer|upgrade|proxy-authenticate|proxy-authorization)$/i;

/** A head as its application means it: read once more, with other means. */
type Meant = {
  readonly status: number;
  readonly reason: string;
  /** Content-Length left out, the white space around values too. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly declared: number | undefined;
};

/** One response that was written. */
type Written = {
  readonly meant: Meant;
  readonly content: string;
  readonly isHead: boolean;
  readonly minorVersion: 0 | 1;
  readonly keepAlive: boolean;
  readonly missing: number;
};

/**
 * Any encoded head is refused in fixed words, or written so that a client reads exactly it: the status, the fields in
 * order, the content that was put in as far as it was declared, and nothing behind it. A head is refused just where it has
 * a fault. What answers follow each other on one connection are read as just as many.
 */
export function fuzz(data: Buffer): void {
  const head = new ResponseHead();
  const written: Written[] = [];
  const out: Uint8Array[] = [];
  for (let start = 0; start < data.length; ) {
    const separator = data.indexOf(SEPARATOR, start + CONTROL_BYTES);
    const stop = separator === -1 ? data.length : separator;
    const response = stop - start < CONTROL_BYTES ? undefined : write(head, data, start, stop, out);
    if (response !== undefined) {
      written.push(response);
      if (!response.keepAlive || response.missing > 0) break;
    }
    start = stop + SEPARATOR.length;
  }
  const last = written.at(-1);
  if (last === undefined) return;
  const goesOn = last.keepAlive && last.missing === 0;
  if (goesOn) out.push(probe);
  const bytes = Buffer.concat(out);
  const { responses, refused } = nodeResponses(
    bytes,
    written.map(({ isHead }) => isHead),
  );
  const said = (): string => `${JSON.stringify(bytes.toString('latin1'))}\nread as ${JSON.stringify(responses)}`;
  if (last.missing === 0 ? refused !== undefined : responses.at(-1)?.isComplete !== false) {
    throw new Violation('read-by-node', `${refused ?? 'complete without its content'}: ${said()}`);
  }
  const count = written.length + (goesOn ? 1 : 0);
  if (responses.length !== count || (goesOn && responses.at(-1)?.status !== 299)) {
    throw new Violation('as-many-responses', `${responses.length}, not ${count}: ${said()}`);
  }
  for (const [index, response] of written.entries()) {
    const difference = differenceOf(response, responses[index]);
    if (difference !== undefined) throw new Violation('same-response', `${difference}: ${said()}`);
  }
}

/** Writes one response as a connection does: to `out`, undefined where its head is refused. */
function write(head: ResponseHead, data: Buffer, start: number, stop: number, out: Uint8Array[]): Written | undefined {
  const [bits = 0, length = 0, cuts = 0] = data.subarray(start, start + CONTROL_BYTES);
  const block = data.toString('latin1', start + CONTROL_BYTES, stop);
  const meant = meaning(block);
  // From the middle of other bytes, as in a frame.
  const fault = head.read(data, start + CONTROL_BYTES, stop);
  if (fault !== undefined) {
    if (!faults.test(fault)) throw new Violation('fixed-words', JSON.stringify(fault));
    if (meant !== undefined) throw new Violation('refused-for-a-fault', `${fault}: ${JSON.stringify(block)}`);
    return undefined;
  }
  if (meant === undefined) throw new Violation('faults-refused', JSON.stringify(block));
  const isHead = (bits & 1) === 1;
  const minorVersion = (bits & 2) === 0 ? 1 : 0;
  const writer = new ResponseWriter({ isHead, minorVersion, keepAlive: (bits & 4) === 0 });
  const content = Buffer.alloc(length, data);
  const pieces = cutAt(content, cuts);
  if (pieces.length === 0 || (bits & 8) !== 0) pieces.push(Buffer.alloc(0));
  for (const [index, piece] of pieces.entries()) {
    const end = index === pieces.length - 1;
    // Valid only during the call.
    const lent = Buffer.concat([Buffer.from('<'), piece, Buffer.from('>')]);
    const part = { bytes: lent, start: 1, end: lent.length - 1 };
    out.push(index === 0 ? writer.begin(head, part, end, dateLine) : writer.content(part, end));
    lent.fill('?');
  }
  const { keepAlive, missing, excess } = writer;
  checkLengths(meant, content.length, writer, isHead);
  return {
    meant,
    content: content.toString('latin1', 0, content.length - excess),
    isHead,
    minorVersion,
    keepAlive,
    missing,
  };
}

/** Undefined where the head has a fault. */
function meaning(block: string): Meant | undefined {
  const strings = block.split('\0');
  // What follows the last NUL, which is nothing, is a string too.
  if (strings.length % 2 === 1 || strings.pop() !== '') return undefined;
  const [first = '', ...rest] = strings;
  if (!status.test(first)) return undefined;
  const fields: [string, string][] = [];
  let declared: number | undefined;
  for (let at = 0; at < rest.length; at += 2) {
    const [key = '', text = ''] = rest.slice(at, at + 2);
    if (!name.test(key) || !value.test(text) || hopByHop.test(key)) return undefined;
    if (key.toLowerCase() !== 'content-length') {
      fields.push([key, trimmed(text)]);
      continue;
    }
    if (declared !== undefined || !/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) return undefined;
    declared = Number(text);
  }
  return { status: Number(first.slice(0, 3)), reason: first.slice(4), fields, declared };
}

function trimmed(text: string): string {
  return text.replace(/^[\t ]+|[\t ]+$/g, '');
}

function isBodiless(response: { readonly meant: Meant; readonly isHead: boolean }): boolean {
  return response.isHead || response.meant.status === 204 || response.meant.status === 304;
}

function checkLengths(meant: Meant, length: number, writer: ResponseWriter, isHead: boolean): void {
  const most = isBodiless({ meant, isHead }) ? undefined : meant.declared;
  const [excess, missing] = most === undefined ? [0, 0] : [Math.max(0, length - most), Math.max(0, most - length)];
  if (writer.excess === excess && writer.missing === missing) return;
  throw new Violation(
    'counted-content',
    `${length} bytes of ${most}: ${writer.excess} over, ${writer.missing} missing`,
  );
}

/** What a client read that is not what was meant, in words. */
function differenceOf(written: Written, read: ReadResponse | undefined): string | undefined {
  const { meant, content, isHead, minorVersion, keepAlive, missing } = written;
  if (read === undefined) return 'nothing';
  if (read.status !== meant.status || read.reason !== meant.reason) return `status ${read.status} ${read.reason}`;
  if (!read.isComplete && missing === 0) return 'incomplete';
  if (read.content !== (isBodiless(written) ? '' : content)) return 'other content';
  if (JSON.stringify(read.fields.slice(0, meant.fields.length)) !== JSON.stringify(meant.fields)) return 'other fields';
  // Those of the edge, each once at most, and after them nothing.
  const edge = read.fields.slice(meant.fields.length);
  const added = (wanted: string): string | undefined => edge.find(([key]) => key === wanted)?.[1];
  const hasDate = meant.fields.some(([key]) => key.toLowerCase() === 'date');
  const [length, coding] = [added('Content-Length'), added('Transfer-Encoding')];
  const expected: readonly (readonly [string, string | undefined])[] = [
    ['Date', hasDate ? undefined : 'now'],
    ['Content-Length', length === undefined ? undefined : `${meant.declared ?? content.length}`],
    ['Transfer-Encoding', coding === undefined ? undefined : 'chunked'],
    ['Connection', keepAlive ? (minorVersion === 0 ? 'keep-alive' : undefined) : 'close'],
  ];
  if (JSON.stringify(edge) !== JSON.stringify(expected.filter(([, text]) => text !== undefined)))
    return 'other fields added';
  if (length !== undefined && coding !== undefined) return 'framed twice';
  if (coding !== undefined && (minorVersion === 0 || isBodiless(written))) return 'chunked in vain';
  // RFC 9110 section 8.6.
  if (length !== undefined && meant.status === 204) return 'a length of no content';
  if (meant.declared !== undefined && meant.status !== 204 && length === undefined) return 'without its length';
  if (!isBodiless({ meant, isHead }) && length === undefined && coding === undefined && keepAlive)
    return 'without an end';
  return undefined;
}
