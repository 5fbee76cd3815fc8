/** What the access log reads of a request head: `base` plus a position is an index of `bytes`. */
export type HeadToLog = {
  readonly bytes: Uint8Array;
  readonly base: number;
  readonly method: string;
  readonly minorVersion: 0 | 1;
  readonly targetStart: number;
  readonly targetEnd: number;
  readonly fieldCount: number;
  nameStart(index: number): number;
  nameEnd(index: number): number;
  valueStart(index: number): number;
  valueEnd(index: number): number;
};

/** Field lines with their CRLF are in `bytes[statusEnd, end)`. */
export type ResponseHeadToLog = {
  readonly bytes: Uint8Array;
  readonly statusEnd: number;
  readonly end: number;
  readonly contentLength: number;
};

/** What lines of one format need of a request: nothing else is taken from it. Names in lower case. */
export type LogNeeds = {
  readonly requestFields: readonly string[];
  readonly responseFields: readonly string[];
  readonly environ: boolean;
};

/** ` HTTP/1.1` behind the target. */
const VERSION_BYTES = 9;
const MAX_LINE_BYTES = 8192;
const CR = 0x0d;
const LF = 0x0a;
const contentLengthName = 'content-length';

/** The views of heads are made of few buffers, and making one costs as much as reading all that is needed of a head. */
let viewed: Uint8Array = new Uint8Array(0);
let view: Buffer = Buffer.alloc(0);

function viewOf(bytes: Uint8Array): Buffer {
  if (bytes !== viewed) {
    viewed = bytes;
    view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return view;
}

/** One request as its line will tell it, one character a byte. Taken while the heads are valid, written when all is over. */
export class LoggedRequest {
  readonly client: string;
  /** As received, without its line end; of what was no request head, so much of it as there was. Empty: not a byte came. */
  readonly line: string;
  /** Null where there was no head. */
  readonly method: string | null;
  readonly target: string | null;
  readonly protocol: string | null;
  /** In the order of the needs. */
  private readonly fields: readonly (string | undefined)[];
  private readonly needs: LogNeeds;
  private responseLines = '';
  private contentLength = -1;
  /** Keys and values, each followed by NUL. Empty: the request did not come so far. */
  private environBlock = '';

  constructor(needs: LogNeeds, head: HeadToLog | Uint8Array | undefined, client: string) {
    this.needs = needs;
    this.client = client;
    if (head === undefined || head instanceof Uint8Array) {
      this.line = head === undefined ? '' : firstLine(head);
      this.method = null;
      this.target = null;
      this.protocol = null;
      this.fields = [];
    } else {
      const { bytes, base, targetStart, targetEnd } = head;
      const buffer = viewOf(bytes);
      this.line = buffer.toString('latin1', base, base + targetEnd + VERSION_BYTES);
      this.method = head.method;
      this.target = this.line.slice(targetStart, targetEnd);
      this.protocol = head.minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
      this.fields = needs.requestFields.map((name) => lastValue(head, buffer, name));
    }
  }

  /** Of those that the needs name. */
  field(name: string): string | undefined {
    const index = this.needs.requestFields.indexOf(name);
    return index < 0 ? undefined : this.fields[index];
  }

  environ(encoded: Uint8Array): void {
    if (this.needs.environ) this.environBlock = viewOf(encoded).toString('latin1');
  }

  responseHead(head: ResponseHeadToLog): void {
    if (this.needs.responseFields.length === 0) return;
    this.contentLength = head.contentLength;
    this.responseLines = viewOf(head.bytes).toString('latin1', head.statusEnd, head.end);
  }

  /** Keys are compared as Gunicorn does, whatever their case. */
  environValue(key: string): string | undefined {
    const parts = this.environBlock.split('\0');
    for (let at = 0; at + 1 < parts.length; at += 2) if (parts[at]?.toLowerCase() === key) return parts[at + 1];
    return undefined;
  }

  /** The last one of its name, as in Gunicorn. */
  responseField(name: string): string | undefined {
    if (name === contentLengthName) return this.contentLength < 0 ? undefined : String(this.contentLength);
    let value: string | undefined;
    for (const line of this.responseLines.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon === name.length && line.slice(0, colon).toLowerCase() === name) value = line.slice(colon + 1).trim();
    }
    return value;
  }
}

function firstLine(received: Uint8Array): string {
  let end = 0;
  while (end < received.length && end <= MAX_LINE_BYTES && received[end] !== CR && received[end] !== LF) end += 1;
  return viewOf(received).toString('latin1', 0, end);
}

/** The last field line of this name, as in Gunicorn. */
function lastValue(head: HeadToLog, buffer: Buffer, name: string): string | undefined {
  const { base } = head;
  for (let index = head.fieldCount - 1; index >= 0; index--) {
    const start = head.nameStart(index);
    if (head.nameEnd(index) - start !== name.length || !isName(buffer, base + start, name)) continue;
    return buffer.toString('latin1', base + head.valueStart(index), base + head.valueEnd(index));
  }
  return undefined;
}

/** Whatever the case of its letters. */
function isName(bytes: Uint8Array, start: number, name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at] ?? 0;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== name.charCodeAt(at)) return false;
  }
  return true;
}
