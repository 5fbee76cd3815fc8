import type { ResponseHead } from './response-head.ts';
import { statusText } from './status-text.ts';

/** What of the request decides how its response is framed. */
export type ResponseContext = {
  readonly isHead: boolean;
  readonly minorVersion: 0 | 1;
  /** Both sides can go on after this response. HTTP/1.0 loses it where the length is not known beforehand. */
  readonly keepAlive: boolean;
};

/** A piece of content: `bytes[start, end)`, valid only during the call. */
export type Piece = { readonly bytes: Uint8Array; readonly start: number; readonly end: number };

/** How the client finds the end of the content (RFC 9112 section 6.3). */
type Framing = 'none' | 'content-length' | 'chunked' | 'until-close';

const VERSION = Buffer.from('HTTP/1.1 ');
const CRLF = Buffer.from('\r\n');
const CONTENT_LENGTH = Buffer.from('Content-Length: ');
const TRANSFER_ENCODING = Buffer.from('Transfer-Encoding: chunked\r\n');
const CLOSE = Buffer.from('Connection: close\r\n');
const KEEP_ALIVE = Buffer.from('Connection: keep-alive\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
export const CONTINUE_RESPONSE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

/**
 * The bytes of one response. Sans-I/O: answers what to write; the caller owns it. Every buffer answered is new, since the
 * content given is valid only during the call.
 */
export class ResponseWriter {
  /** False once the connection has to end with this response. */
  keepAlive: boolean;
  /** Content that was dropped because the declared length was reached, in bytes. */
  excess = 0;
  /** Bytes that were declared and have not come. */
  missing = 0;
  private framing: Framing = 'none';
  private readonly context: ResponseContext;

  constructor(context: ResponseContext) {
    this.context = context;
    this.keepAlive = context.keepAlive;
  }

  /** The head, and the first piece of content with it. `dateLine` is `Date: …\r\n`. */
  begin(head: ResponseHead, content: Piece, end: boolean, dateLine: Uint8Array): Buffer {
    const length = content.end - content.start;
    const { isHead, minorVersion } = this.context;
    const bodiless = isHead || head.status === 204 || head.status === 304;
    let declared = head.contentLength;
    if (declared < 0 && end && (!bodiless || (isHead && length > 0))) declared = length;
    if (head.status === 204) declared = -1;
    if (bodiless) this.framing = 'none';
    else if (declared >= 0) this.framing = 'content-length';
    else this.framing = minorVersion === 1 ? 'chunked' : 'until-close';
    this.missing = this.framing === 'content-length' ? declared : 0;
    if (this.framing === 'until-close') this.keepAlive = false;

    const digits = declared >= 0 ? `${declared}\r\n` : '';
    const out = Buffer.allocUnsafe(this.headBytes(head, digits, dateLine) + this.contentBytes(length, end));
    let at = putConstant(out, 0, VERSION);
    at = copy(out, at, head.bytes, 0, head.statusEnd);
    at = putConstant(out, at, CRLF);
    at = copy(out, at, head.bytes, head.statusEnd, head.end);
    if (!head.hasDate) at = putConstant(out, at, dateLine);
    if (digits !== '') at = put(out, putConstant(out, at, CONTENT_LENGTH), digits);
    else if (this.framing === 'chunked') at = putConstant(out, at, TRANSFER_ENCODING);
    if (!this.keepAlive) at = putConstant(out, at, CLOSE);
    else if (minorVersion === 0) at = putConstant(out, at, KEEP_ALIVE);
    this.putContent(out, putConstant(out, at, CRLF), content, end);
    return out;
  }

  /** A further piece of content. */
  content(content: Piece, end: boolean): Buffer {
    const out = Buffer.allocUnsafe(this.contentBytes(content.end - content.start, end));
    this.putContent(out, 0, content, end);
    return out;
  }

  /** Exactly what `begin` writes before the content: a view of a larger buffer would cost as much as all the copying. */
  private headBytes(head: ResponseHead, digits: string, dateLine: Uint8Array): number {
    let bytes = VERSION.length + head.end + 2 * CRLF.length;
    if (!head.hasDate) bytes += dateLine.length;
    if (digits !== '') bytes += CONTENT_LENGTH.length + digits.length;
    else if (this.framing === 'chunked') bytes += TRANSFER_ENCODING.length;
    if (!this.keepAlive) bytes += CLOSE.length;
    else if (this.context.minorVersion === 0) bytes += KEEP_ALIVE.length;
    return bytes;
  }

  private contentBytes(length: number, end: boolean): number {
    switch (this.framing) {
      case 'none':
        return 0;
      case 'content-length':
        return Math.min(length, this.missing);
      case 'until-close':
        return length;
      case 'chunked': {
        const chunk = length === 0 ? 0 : length.toString(16).length + length + 2 * CRLF.length;
        return end ? chunk + LAST_CHUNK.length : chunk;
      }
    }
  }

  private putContent(out: Buffer, start: number, content: Piece, end: boolean): void {
    const length = content.end - content.start;
    let at = start;
    switch (this.framing) {
      case 'none':
        return;
      case 'content-length': {
        const wanted = Math.min(length, this.missing);
        this.excess += length - wanted;
        this.missing -= wanted;
        copy(out, at, content.bytes, content.start, content.start + wanted);
        return;
      }
      case 'until-close':
        copy(out, at, content.bytes, content.start, content.end);
        return;
      case 'chunked':
        if (length > 0) {
          at = put(out, at, `${length.toString(16)}\r\n`);
          at = copy(out, at, content.bytes, content.start, content.end);
          at = putConstant(out, at, CRLF);
        }
        if (end) putConstant(out, at, LAST_CHUNK);
    }
  }
}

/** The edge's own answer to a request that it refuses. `fields` are whole lines with CRLF. */
export function refusalResponse(
  status: number,
  rule: string,
  options: { readonly keepAlive: boolean; readonly isHead: boolean; readonly fields: string },
  dateLine: Uint8Array,
): Buffer {
  const text = `${status} ${statusText(status)} (${rule})\n`;
  const head =
    `HTTP/1.1 ${status} ${statusText(status)}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${text.length}\r\n${options.fields}${Buffer.from(dateLine).toString('latin1')}` +
    `${options.keepAlive ? '' : 'Connection: close\r\n'}\r\n`;
  return Buffer.from(options.isHead ? head : head + text, 'latin1');
}

function putConstant(out: Buffer, start: number, bytes: Uint8Array): number {
  out.set(bytes, start);
  return start + bytes.length;
}

function put(out: Buffer, start: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[start + i] = text.charCodeAt(i);
  return start + text.length;
}

function copy(out: Buffer, start: number, from: Uint8Array, begin: number, end: number): number {
  if (end - begin < 120) {
    for (let i = begin; i < end; i++) out[start + i - begin] = from[i] ?? 0;
  } else {
    out.set(from.subarray(begin, end), start);
  }
  return start + end - begin;
}
