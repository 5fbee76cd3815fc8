import { decimal } from './message-framing.ts';
import { isTokenByte } from './token.ts';

/**
 * The response head of an application, checked and put into field lines in one pass. What applications answer is not
 * trusted: a CR or LF in a value would split the response (CVE-2020-5247), a Transfer-Encoding or a second
 * Content-Length would frame it twice, and the connection is not the application's to manage.
 * Source: RFC 9110 sections 5.1, 5.5, 7.6.1 and 15; PEP 3333, start_response.
 */
const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SP = 0x20;
const HTAB = 0x09;

const hopByHop = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade'],
  ...['proxy-authenticate', 'proxy-authorization'],
]);
const forbiddenLengths = new Set([...hopByHop].map((name) => name.length));
const contentLengthName = 'content-length';
const dateName = 'date';
const FIRST_BYTES = 4096;

export class ResponseHead {
  status = 0;
  /** -1 where the application declared none. */
  contentLength = -1;
  hasDate = false;
  /** `200 OK` in `statusBytes`, and field lines with their CRLF, Content-Length left out. */
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  statusEnd = 0;
  end = 0;

  /**
   * Reads the encoded head in `block[start, end)`: status and reason, then name and value of each field, each followed by
   * NUL. Answers what is wrong with it, in words that hold none of its bytes.
   */
  read(block: Uint8Array, start = 0, end = block.length): string | undefined {
    if (this.bytes.length < 2 * (end - start)) this.bytes = Buffer.allocUnsafeSlow(4 * (end - start));
    this.contentLength = -1;
    this.hasDate = false;
    const statusEnd = block.indexOf(0, start);
    const fault = this.readStatus(block, start, statusEnd, end);
    if (fault !== undefined) return fault;
    let at = statusEnd + 1;
    while (at < end) {
      const next = this.readField(block, at, end);
      if (typeof next === 'string') return next;
      at = next;
    }
    return undefined;
  }

  private readStatus(block: Uint8Array, start: number, end: number, blockEnd: number): string | undefined {
    const status = end - start > 3 && end < blockEnd ? decimal(block, start, start + 3) : undefined;
    if (status === undefined || block[start + 3] !== SP) return 'a status that is not three digits and a reason';
    if (status < 200 || status > 599) return `status ${status}, which an application may not send`;
    for (let at = start; at < end; at++) {
      const byte = block[at] ?? 0;
      if (!isTextByte(byte)) return 'a control byte in the reason';
      this.bytes[at - start] = byte;
    }
    this.status = status;
    this.statusEnd = end - start;
    this.end = end - start;
    return undefined;
  }

  /** Where the next field begins, or what is wrong with this one. */
  private readField(block: Uint8Array, start: number, end: number): number | string {
    const out = this.bytes;
    const lineStart = this.end;
    let to = lineStart;
    let at = start;
    for (; at < end && block[at] !== 0; at++) {
      const byte = block[at] ?? 0;
      if (!isTokenByte(byte)) return 'a field name that is not a token';
      out[to++] = byte;
    }
    const nameLength = at - start;
    if (nameLength === 0 || at >= end) return 'a field without a name or a value';
    out[to++] = COLON;
    out[to++] = SP;
    const valueStart = ++at;
    for (; at < end && block[at] !== 0; at++) {
      const byte = block[at] ?? 0;
      if (!isTextByte(byte)) return 'a control byte in a field value';
      out[to++] = byte;
    }
    if (at >= end) return 'a field value without its end';
    out[to++] = CR;
    out[to++] = LF;
    const fault = this.noteField(block, start, nameLength, valueStart, at);
    if (fault !== undefined) return fault;
    const isLength = nameLength === contentLengthName.length && isName(block, start, contentLengthName);
    if (!isLength) this.end = to;
    return at + 1;
  }

  private noteField(block: Uint8Array, start: number, length: number, valueStart: number, end: number) {
    if (length === contentLengthName.length && isName(block, start, contentLengthName)) {
      const declared = decimal(block, valueStart, end);
      if (declared === undefined) return 'a Content-Length that is not a number of bytes';
      if (this.contentLength >= 0) return 'a second Content-Length';
      this.contentLength = declared;
    } else if (length === dateName.length && isName(block, start, dateName)) {
      this.hasDate = true;
    } else if (forbiddenLengths.has(length)) {
      for (const name of hopByHop) {
        if (name.length === length && isName(block, start, name)) return `a hop-by-hop field: ${name}`;
      }
    }
    return undefined;
  }
}

function isName(block: Uint8Array, start: number, name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    if (((block[start + at] ?? 0) | 0x20) !== name.charCodeAt(at)) return false;
  }
  return true;
}

function isTextByte(byte: number): boolean {
  return byte >= SP ? byte !== 0x7f : byte === HTAB;
}
