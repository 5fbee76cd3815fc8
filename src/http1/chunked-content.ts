import { type Rejection, reject } from '../rejection/rejection.ts';
import { isTokenByte } from './token.ts';
import { type TrailerLimits, TrailerSection } from './trailer-section.ts';

/**
 * The framing bytes of chunked content (RFC 9112 section 7.1): everything llhttp does not report. It is fed what stands
 * between the pieces of content, byte by byte, and holds the grammar to the letter: 1 to 16 size digits, extensions
 * without white space, CRLF after size and data. It also counts content, so that llhttp and this reading have to agree on
 * every chunk's length.
 *
 * A size line with its extensions may be as long as a field line, and all of them together as long as a field section
 * plus 16 bytes for each chunk and twice the content. (CVE-2023-39326, CVE-2024-22019, CVE-2024-21647; Go counts alike.)
 */
export type ChunkLimits = TrailerLimits;

type State =
  | 'size'
  | 'extension-name'
  | 'extension-value'
  | 'quoted'
  | 'quoted-escape'
  | 'quoted-end'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailers';

const MAX_SIZE_DIGITS = 16;
const FREE_BYTES_PER_CHUNK = 16;

const CR = 0x0d;
const LF = 0x0a;

export class ChunkedContent {
  private state: State = 'size';
  private sizeDigits = 0;
  private size = 0;
  private remaining = 0;
  private content = 0;
  private chunks = 0;
  private framingBytes = 0;
  private emptyToken = true;
  private lineBytes = 0;
  private trailers: TrailerSection | undefined;

  private readonly limits: ChunkLimits;
  private readonly maxContentBytes: number;

  constructor(limits: ChunkLimits, maxContentBytes: number) {
    this.limits = limits;
    this.maxContentBytes = maxContentBytes;
  }

  /** `length` bytes of content were reported by llhttp. */
  receiveContent(length: number): Rejection | undefined {
    if (this.state !== 'data' || length > this.remaining) return malformed('content where a chunk has none');
    this.remaining -= length;
    this.content += length;
    return undefined;
  }

  /** `bytes[start, end)` is not content. */
  receiveFraming(bytes: Uint8Array, start: number, end: number): Rejection | undefined {
    for (let at = start; at < end; at++) {
      const rejection = this.step(bytes[at] ?? 0);
      if (rejection !== undefined) return rejection;
    }
    return undefined;
  }

  /** llhttp says that the message is complete. */
  receiveEnd(): Rejection | undefined {
    return this.trailers?.isOver === true ? undefined : malformed('the content ends inside a chunk');
  }

  /** The last chunk is over: what follows is the trailer section. */
  get inTrailers(): boolean {
    return this.trailers !== undefined;
  }

  private step(byte: number): Rejection | undefined {
    if (this.state === 'data' && this.remaining === 0) this.state = 'data-cr';
    switch (this.state) {
      case 'size':
      case 'extension-name':
      case 'extension-value':
      case 'quoted':
      case 'quoted-escape':
      case 'quoted-end':
      case 'size-lf':
        return this.countFraming(byte) ?? this.stepSizeLine(byte);
      case 'data':
        return malformed('a chunk is shorter than its size');
      case 'data-cr':
        if (byte !== CR) return malformed('chunk data is longer than its size');
        this.state = 'data-lf';
        return undefined;
      case 'data-lf':
        if (byte !== LF) return malformed('no CRLF after chunk data');
        this.state = 'size';
        this.sizeDigits = 0;
        this.size = 0;
        this.lineBytes = 0;
        return undefined;
      case 'trailers':
        return this.trailers?.receive(byte);
    }
  }

  private countFraming(byte: number): Rejection | undefined {
    this.framingBytes += 1;
    if (byte !== CR && byte !== LF) this.lineBytes += 1;
    if (this.lineBytes > this.limits.fieldBytes) {
      return malformed(`a chunk size line above ${this.limits.fieldBytes} bytes`);
    }
    const free = FREE_BYTES_PER_CHUNK * (this.chunks + 1) + 2 * this.content;
    if (this.framingBytes > this.limits.totalFieldBytes + free) {
      return malformed(`more than ${this.limits.totalFieldBytes} bytes of chunk extensions`);
    }
    return undefined;
  }

  private stepSizeLine(byte: number): Rejection | undefined {
    switch (this.state) {
      case 'size': {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          this.sizeDigits += 1;
          if (this.sizeDigits > MAX_SIZE_DIGITS) return malformed(`more than ${MAX_SIZE_DIGITS} chunk size digits`);
          this.size = this.size * 16 + digit;
          if (this.content + this.size > this.maxContentBytes) {
            return reject('content.too-large', `a chunk makes it more than ${this.maxContentBytes} bytes`);
          }
          return undefined;
        }
        if (this.sizeDigits === 0) return malformed('no chunk size');
        return this.endToken(byte);
      }
      case 'extension-name':
        if (isTokenByte(byte)) {
          this.emptyToken = false;
          return undefined;
        }
        if (this.emptyToken) return malformed('a chunk extension without a name');
        if (byte === 0x3d) {
          this.state = 'extension-value';
          this.emptyToken = true;
          return undefined;
        }
        return this.endToken(byte);
      case 'extension-value':
        if (byte === 0x22 && this.emptyToken) {
          this.state = 'quoted';
          return undefined;
        }
        if (isTokenByte(byte)) {
          this.emptyToken = false;
          return undefined;
        }
        if (this.emptyToken) return malformed('a chunk extension without a value');
        return this.endToken(byte);
      case 'quoted':
        if (byte === 0x22) this.state = 'quoted-end';
        else if (byte === 0x5c) this.state = 'quoted-escape';
        else if (!isTextByte(byte)) return malformed('a control byte in a chunk extension');
        return undefined;
      case 'quoted-escape':
        if (!isTextByte(byte)) return malformed('a control byte in a chunk extension');
        this.state = 'quoted';
        return undefined;
      case 'quoted-end':
        return this.endToken(byte);
      default:
        if (byte !== LF) return malformed('no LF after the CR of a chunk size');
        return this.endSizeLine();
    }
  }

  private endToken(byte: number): Rejection | undefined {
    if (byte === CR) {
      this.state = 'size-lf';
      return undefined;
    }
    if (byte === 0x3b) {
      this.state = 'extension-name';
      this.emptyToken = true;
      return undefined;
    }
    return malformed('a byte that a chunk size line may not hold');
  }

  private endSizeLine(): Rejection | undefined {
    this.chunks += 1;
    if (this.size === 0) {
      this.trailers = new TrailerSection(this.limits);
      this.state = 'trailers';
      return undefined;
    }
    this.remaining = this.size;
    this.state = 'data';
    return undefined;
  }
}

function malformed(detail: string): Rejection {
  return reject('framing.chunk', detail);
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** RFC 9110 section 5.6.4: HTAB, SP, visible characters and obs-text. */
function isTextByte(byte: number): boolean {
  return byte === 0x09 || (byte >= 0x20 && byte !== 0x7f);
}
