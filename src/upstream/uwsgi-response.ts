import { HeldContent } from '../link/held-content.ts';

/**
 * The head of what a uWSGI server answers, from pieces however small to the encoded head that every dispatcher hands on
 * (`dispatch.ts`). A status line `HTTP/1.x NNN reason`, or, as CGI has it, none: then `Status` says it, else a Location
 * without one means 302, else it is 200.
 *
 * Strict where two readers could differ: each line ends in CRLF, none is folded, none holds CR or NUL. Names, values and the
 * status itself are looked at by the checker of all responses (`http1/response-head.ts`).
 * Source: RFC 9112 sections 4 and 5; RFC 3875 section 6.3; nginx's ngx_http_uwsgi_module.
 */
const LF = 0x0a;
const CR = 0x0d;

/** Said of the connection to the upstream, which ends here (RFC 9110 section 7.6.1). One that names other fields is refused. */
const ownBusiness = /^(?:connection:[ \t]*(?:close|keep-alive)[ \t]*|keep-alive:.*)$/i;

export class UwsgiResponseHead {
  /** The encoded head, once all of it has come. */
  encoded = Buffer.alloc(0);
  status = 0;
  /** -1 where none was declared, or nobody could say which. */
  contentLength = -1;
  readonly #maxBytes: number;
  readonly #line = new HeldContent();
  #received = 0;
  /** Null until the first line has come; empty: there was no status line. */
  #statusText: string | null = null;
  #cgiStatus: string | null = null;
  #hasLocation = false;
  #fields = '';

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Answers where in `bytes` the content begins; -1: more of the head has to come; or what is wrong, in words of ours. */
  receive(bytes: Buffer): number | string {
    for (let start = 0; ; ) {
      const end = bytes.indexOf(LF, start) + 1;
      const piece = end === 0 ? bytes.subarray(start) : bytes.subarray(start, end);
      this.#received += piece.length;
      if (this.#received > this.#maxBytes) return `a head of more than ${this.#maxBytes} bytes`;
      if (end === 0) {
        this.#line.append(piece);
        return -1;
      }
      const line = this.#whole(piece);
      start = end;
      if (line.length < 2 || line[line.length - 2] !== CR) return 'a line that does not end in CRLF';
      if (line.length === 2) return this.#finish() ?? start;
      const fault = this.#takeLine(line.toString('latin1', 0, line.length - 2));
      if (fault !== null) return fault;
    }
  }

  /** Some of it has come. */
  get hasBegun(): boolean {
    return this.#received > 0;
  }

  #whole(piece: Buffer): Buffer {
    if (this.#line.length === 0) return piece;
    this.#line.append(piece);
    return this.#line.take();
  }

  #takeLine(line: string): string | null {
    if (/[\0\r]/.test(line)) return 'a CR or NUL in its head';
    if (this.#statusText === null) {
      const [, status] = /^HTTP\/1\.[01] (\d{3}(?: .*)?)$/.exec(line) ?? [];
      this.#statusText = status ?? '';
      if (status !== undefined) return null;
      if (line.startsWith('HTTP/')) return 'a status line that is none';
    }
    const colon = line.indexOf(':');
    if (/^[ \t]/.test(line)) return 'a folded line';
    if (colon === -1) return 'a line that is no field';
    return ownBusiness.test(line) ? null : this.#takeField(line.slice(0, colon), trimmed(line.slice(colon + 1)));
  }

  #takeField(name: string, value: string): string | null {
    switch (name.toLowerCase()) {
      case 'status':
        // With a status line before it, it is what an application of another kind calls that line.
        this.#cgiStatus ??= value;
        return null;
      case 'location':
        this.#hasLocation = true;
        break;
      case 'content-length':
        if (this.contentLength >= 0) return 'a second Content-Length';
        if (!/^\d{1,15}$/.test(value)) return 'a Content-Length that is not a number of bytes';
        this.contentLength = Number(value);
        break;
    }
    this.#fields += `${name}\0${value}\0`;
    return null;
  }

  #finish(): string | undefined {
    if (this.#statusText === null) return 'an empty head';
    const text = this.#statusText || (this.#cgiStatus ?? (this.#hasLocation ? '302 Found' : '200 OK'));
    this.status = Number(/^\d{3}(?= |$)/.exec(text)?.[0] ?? Number.NaN);
    if (Number.isNaN(this.status)) return 'a status that is not three digits and a reason';
    const status = text.length === 3 ? `${text} ` : text;
    this.encoded = Buffer.from(`${status}\0${this.#fields}`, 'latin1');
    return undefined;
  }
}

function trimmed(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '');
}
