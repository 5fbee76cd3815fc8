import { type Rejection, reject } from '../rejection/rejection.ts';
import { wantsKeepAlive } from './connection-options.ts';
import { readFieldSection } from './field-section.ts';
import { decideFraming } from './message-framing.ts';
import { RequestHead } from './request-head.ts';
import { endOfRequestLine, readRequestLine } from './request-line.ts';

/** The most a request head may cost. Bytes count as received, a line's CRLF excluded. Source: policy, `/request`. */
export type HeadLimits = {
  readonly lineBytes: number;
  readonly fieldBytes: number;
  /** Field lines with their CRLF. */
  readonly totalFieldBytes: number;
  readonly fieldCount: number;
};

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HTAB = 0x09;
/** A head that came in pieces keeps its buffer for the next one up to this size. */
const KEPT_BUFFER_BYTES = 16384;

/**
 * One head while it is received. llhttp's spans are recorded as positions in the head, which stays in one piece: in the
 * bytes of the read where it came whole, in a buffer of its own where it did not. Limits hold as bytes arrive: whatever
 * the cuts, the first byte over a limit decides, and it decides before any fault behind it.
 */
export class HeadReader {
  readonly head = new RequestHead();
  private limits: HeadLimits = { lineBytes: 0, fieldBytes: 0, totalFieldBytes: 0, fieldCount: 0 };
  /** Adding it to an offset of the bytes being parsed gives a position in the head. */
  private shift = 0;
  private buffer = new Uint8Array(0);
  private buffered = 0;
  /** Where the open line and the field section begin; the end of the last span that llhttp has reported. */
  private lineStart = 0;
  private fieldsStart = 0;
  private reportedEnd = 0;
  private inName = false;
  private inValue = false;

  /** Bytes of the head that are kept in a buffer of its own. */
  get heldBytes(): number {
    return this.buffered;
  }

  /** The head begins at `bytes[start]`. */
  begin(limits: HeadLimits, bytes: Uint8Array, start: number): void {
    this.limits = limits;
    this.head.begin();
    this.head.bytes = bytes;
    this.head.base = start;
    this.shift = -start;
    this.buffered = 0;
    this.lineStart = 0;
    this.fieldsStart = 0;
    this.reportedEnd = 0;
    this.inName = false;
    this.inValue = false;
  }

  /** The head goes on with `bytes[start, end)`, of which the last may lie behind it. */
  goOn(bytes: Uint8Array, start: number, end: number): void {
    if (this.buffered === 0) return;
    this.shift = this.buffered - start;
    this.store(bytes, start, end);
  }

  /** The read is over and the head is not: keeps what it has, and holds the open line to its limit. */
  endOfRead(bytes: Uint8Array, end: number): Rejection | undefined {
    if (this.buffered === 0) {
      this.store(bytes, this.head.base, end);
      this.head.base = 0;
    }
    return this.checkWholeRequestLine(this.buffered) ?? this.checkOpenLine(this.buffered);
  }

  /**
   * llhttp stopped at `offset`. What was wrong before that byte decides: the request line, once it was whole, or a limit
   * that was passed, also in lines that llhttp has not reported.
   */
  faultBefore(offset: number): Rejection | undefined {
    const { head, reportedEnd } = this;
    const stopped = offset + this.shift;
    const lineFault = this.checkWholeRequestLine(stopped);
    if (lineFault !== undefined) return lineFault;
    for (let at = reportedEnd; at + 1 < stopped; at++) {
      if (head.bytes[head.base + at] !== LF || head.bytes[head.base + at + 1] === CR) continue;
      const rejection = this.openLine(at + 1);
      if (rejection !== undefined) return rejection;
    }
    return this.checkOpenLine(stopped);
  }

  /** No line has ended before `offset` of the bytes being parsed. */
  isInRequestLine(offset: number): boolean {
    return !this.receivedUpTo(offset).includes(LF);
  }

  /** The head up to `offset` of the bytes being parsed. */
  receivedUpTo(offset: number): Uint8Array {
    const { bytes, base } = this.head;
    return bytes.subarray(base, base + offset + this.shift);
  }

  /** All that is at hand of the head, and in a read that it ends in, what stands behind. */
  receivedSoFar(): Uint8Array {
    const { bytes, base } = this.head;
    return this.buffered === 0 ? bytes.subarray(base) : bytes.subarray(0, this.buffered);
  }

  target(start: number, end: number): void {
    if (this.head.targetStart < 0) this.head.targetStart = start + this.shift;
    this.head.targetEnd = end + this.shift;
    this.reportedEnd = end + this.shift;
  }

  fieldName(start: number, end: number): Rejection | undefined {
    if (!this.inName) {
      this.inName = true;
      this.inValue = false;
      const rejection = this.openLine(start + this.shift);
      if (rejection !== undefined) return rejection;
      this.head.addField(start + this.shift);
    }
    this.head.setNameEnd(this.head.fieldCount - 1, end + this.shift);
    this.reportedEnd = end + this.shift;
    return undefined;
  }

  /** An empty value is reported where the next line begins: it tells nothing, and its place is behind the colon. */
  fieldValue(start: number, end: number): void {
    const index = this.head.fieldCount - 1;
    this.inName = false;
    if (start === end) {
      if (!this.inValue) this.head.setValue(index, this.head.nameEnd(index) + 1, this.head.nameEnd(index) + 1);
      return;
    }
    this.head.setValue(index, this.inValue ? this.head.valueStart(index) : start + this.shift, end + this.shift);
    this.inValue = true;
    this.reportedEnd = end + this.shift;
  }

  /**
   * llhttp has seen the end of the head: its raw bytes are read once more, framing and keep-alive are decided. The head is
   * usable if nothing is returned.
   */
  complete(method: string, upgrade: boolean): Rejection | undefined {
    const { head } = this;
    const end = this.endOfLastLine();
    const limit = this.checkOpenLine(end);
    if (limit !== undefined) return limit;
    head.method = method;
    if (head.targetStart !== method.length + 1) {
      return reject('request-line.malformed', 'not one space behind the method');
    }
    const lineFault = head.fieldCount === 0 ? readRequestLine(head, end + 2) : undefined;
    const fault = lineFault ?? readFieldSection(head, end) ?? decideFraming(head);
    if (fault !== undefined) return fault;
    head.keepAlive = wantsKeepAlive(head);
    head.upgradeOffered = upgrade;
    return undefined;
  }

  /** Behind the handler of the head: its bytes are not needed any more. */
  release(): void {
    if (this.buffer.length > KEPT_BUFFER_BYTES) this.buffer = new Uint8Array(0);
    this.buffered = 0;
    this.head.bytes = this.buffer;
  }

  private store(bytes: Uint8Array, start: number, end: number): void {
    const size = this.buffered + end - start;
    if (size > this.buffer.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.buffer.length, 1024));
      larger.set(this.buffer.subarray(0, this.buffered));
      this.buffer = larger;
    }
    this.buffer.set(bytes.subarray(start, end), this.buffered);
    this.buffered = size;
    this.head.bytes = this.buffer;
  }

  /** A field line begins at this position: the line before it is whole. */
  private openLine(position: number): Rejection | undefined {
    const rejection = this.lineStart === 0 ? this.checkRequestLineBefore(position) : this.checkLine(position - 2);
    if (rejection !== undefined) return rejection;
    if (this.head.fieldCount === 0) this.fieldsStart = position;
    if (this.head.fieldCount + 1 > this.limits.fieldCount) {
      return reject('fields.too-many', `more than ${this.limits.fieldCount} field lines`);
    }
    this.lineStart = position;
    return undefined;
  }

  /** The open line reaches to `end`, CR and LF of its end perhaps included. */
  private checkOpenLine(end: number): Rejection | undefined {
    const { bytes, base } = this.head;
    let last = end;
    while (last > this.lineStart && (bytes[base + last - 1] === CR || bytes[base + last - 1] === LF)) last--;
    return this.checkLine(last);
  }

  private checkLine(end: number): Rejection | undefined {
    const length = end - this.lineStart;
    const { lineBytes, fieldBytes, totalFieldBytes } = this.limits;
    if (this.lineStart === 0) {
      if (length > lineBytes) return reject('request-line.too-long', `more than ${lineBytes} bytes`);
      return undefined;
    }
    const left = totalFieldBytes - (this.lineStart - this.fieldsStart) - 2;
    if (length <= fieldBytes && length <= left) return undefined;
    if (fieldBytes <= left) return reject('field.too-large', `a field line above ${fieldBytes} bytes`);
    return reject('fields.too-large', `field lines above ${totalFieldBytes} bytes`);
  }

  private endOfLastLine(): number {
    const { head } = this;
    const { bytes, base } = head;
    if (head.fieldCount === 0) return endOfRequestLine(head, bytes.length - base);
    let end = this.inValue ? this.reportedEnd : head.nameEnd(head.fieldCount - 1) + 1;
    while (bytes[base + end] === SP || bytes[base + end] === HTAB) end++;
    return end;
  }

  /** The request line is told as soon as it is whole, not with the head: nobody waits for more of what is no request. */
  private checkWholeRequestLine(end: number): Rejection | undefined {
    const { bytes, base, targetStart, targetEnd } = this.head;
    if (this.lineStart !== 0) return undefined;
    const lineEnd = bytes.indexOf(LF, base + (targetStart < 0 ? 0 : targetEnd)) - base;
    return lineEnd < 0 || lineEnd >= end ? undefined : this.checkRequestLineBefore(lineEnd + 1);
  }

  /** The request line, its limit first, where another line begins at `next`. llhttp lets LF alone end it (HTTP/0.9). */
  private checkRequestLineBefore(next: number): Rejection | undefined {
    const { bytes, base } = this.head;
    const limit = this.checkLine(bytes[base + next - 2] === CR ? next - 2 : next - 1);
    return limit ?? readRequestLine(this.head, next);
  }
}
