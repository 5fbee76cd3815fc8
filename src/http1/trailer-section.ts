import { type Rejection, reject } from '../rejection/rejection.ts';
import { isTokenByte } from './token.ts';

/** The limits of the field section hold for trailers too; the counts are their own. */
export type TrailerLimits = {
  readonly totalFieldBytes: number;
  readonly fieldBytes: number;
  readonly fieldCount: number;
  readonly trailers: 'drop' | 'reject';
};

type State = 'line-start' | 'name' | 'value' | 'line-lf' | 'end-lf' | 'end';

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const LONGEST_NAME_KEPT = 64;

/** RFC 9110 section 6.5.1: fields for framing, routing, authentication and content format never come after the content. */
const forbidden = new Set([
  ...['content-length', 'transfer-encoding', 'host', 'connection', 'te', 'trailer', 'upgrade', 'keep-alive'],
  ...['expect', 'max-forwards', 'range', 'cache-control', 'authorization', 'proxy-authorization', 'cookie'],
  ...['content-type', 'content-encoding', 'content-range', 'set-cookie', 'if-match', 'if-none-match'],
]);

/**
 * What stands behind the last chunk (RFC 9112 section 7.1.2), byte by byte: field lines that nobody reads, and an empty
 * line. llhttp holds values to their grammar.
 */
export class TrailerSection {
  private state: State = 'line-start';
  private count = 0;
  private bytes = 0;
  private lineBytes = 0;
  private name = '';
  private readonly limits: TrailerLimits;

  constructor(limits: TrailerLimits) {
    this.limits = limits;
  }

  /** The empty line has come. */
  get isOver(): boolean {
    return this.state === 'end';
  }

  receive(byte: number): Rejection | undefined {
    switch (this.state) {
      case 'line-start':
        if (byte !== CR) return this.beginLine(byte);
        this.state = 'end-lf';
        return undefined;
      case 'name':
        return this.receiveName(byte);
      case 'value':
        if (byte !== CR) return this.countByte();
        this.state = 'line-lf';
        return undefined;
      case 'line-lf':
        if (byte !== LF) return reject('framing.chunk', 'no LF after the CR of a trailer line');
        this.bytes += this.lineBytes + 2;
        this.state = 'line-start';
        return undefined;
      case 'end-lf':
        if (byte !== LF) return reject('framing.chunk', 'no LF at the end of the trailer section');
        this.state = 'end';
        return undefined;
      case 'end':
        return reject('framing.chunk', 'bytes after the last chunk');
    }
  }

  private beginLine(byte: number): Rejection | undefined {
    if (this.limits.trailers === 'reject') return reject('trailer.forbidden', 'a trailer section');
    this.count += 1;
    if (this.count > this.limits.fieldCount) {
      return reject('trailer.too-large', `more than ${this.limits.fieldCount} trailer lines`);
    }
    this.state = 'name';
    this.lineBytes = 0;
    this.name = '';
    return this.receiveName(byte);
  }

  private receiveName(byte: number): Rejection | undefined {
    if (byte === COLON) {
      if (forbidden.has(this.name)) return reject('trailer.forbidden', `${this.name} after the content`);
      this.state = 'value';
    } else if (!isTokenByte(byte)) {
      return reject('field.malformed', 'a byte that a trailer name may not hold');
    } else if (this.name.length < LONGEST_NAME_KEPT) {
      this.name += String.fromCharCode(byte).toLowerCase();
    }
    return this.countByte();
  }

  private countByte(): Rejection | undefined {
    this.lineBytes += 1;
    if (this.lineBytes > this.limits.fieldBytes) {
      return reject('trailer.too-large', `a trailer line above ${this.limits.fieldBytes} bytes`);
    }
    if (this.bytes + this.lineBytes + 2 > this.limits.totalFieldBytes) {
      return reject('trailer.too-large', `trailer lines above ${this.limits.totalFieldBytes} bytes`);
    }
    return undefined;
  }
}
