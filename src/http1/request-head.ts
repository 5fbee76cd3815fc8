import { KNOWN_FIELDS, OTHER } from './known-field.ts';

/** How the end of a message is found (RFC 9112 section 6.3). */
export type MessageFraming = 'none' | 'content-length' | 'chunked';

const NUMBERS_PER_FIELD = 4;
const FIRST_CAPACITY = 32;
const nothing = new Uint8Array(0);

/**
 * A request head as spans into the bytes that were received: nothing is decoded until somebody asks. It is valid while
 * the handler of `onRequestHead` runs; afterwards the parser uses it again.
 */
export class RequestHead {
  /** `base` plus a position of this head is an index of `bytes`. */
  bytes: Uint8Array = nothing;
  base = 0;
  method = '';
  minorVersion: 0 | 1 = 1;
  targetStart = 0;
  targetEnd = 0;
  fieldCount = 0;
  framing: MessageFraming = 'none';
  /** Declared Content-Length in bytes; 0 without one. */
  contentLength = 0;
  /** A transfer coding that this server does not know: no content can be read, and RFC 9112 section 6.1 wants 501. */
  hasUnknownCoding = false;
  keepAlive = false;
  /** Connection: upgrade together with an Upgrade field: offered, not taken. */
  upgradeOffered = false;
  /** Sets of `fieldId`s: the known names that came, and those that came more than once. */
  present = 0;
  repeated = 0;
  private readonly firstIndex = new Uint16Array(KNOWN_FIELDS);
  private spans = new Int32Array(FIRST_CAPACITY * NUMBERS_PER_FIELD);
  private ids = new Uint8Array(FIRST_CAPACITY);

  begin(): void {
    this.targetStart = -1;
    this.targetEnd = 0;
    this.fieldCount = 0;
    this.framing = 'none';
    this.contentLength = 0;
    this.upgradeOffered = false;
    this.hasUnknownCoding = false;
    this.present = 0;
    this.repeated = 0;
  }

  /** Opens a field line whose name begins at `start`. */
  addField(start: number): void {
    const at = this.fieldCount * NUMBERS_PER_FIELD;
    if (at === this.spans.length) {
      const spans = new Int32Array(this.spans.length * 2);
      spans.set(this.spans);
      this.spans = spans;
      const ids = new Uint8Array(this.ids.length * 2);
      ids.set(this.ids);
      this.ids = ids;
    }
    this.spans[at] = start;
    this.fieldCount += 1;
  }

  /** Position of the name of field `index` in this head; likewise the others. The value is without white space around it. */
  nameStart(index: number): number {
    return this.spans[index * NUMBERS_PER_FIELD] ?? 0;
  }
  nameEnd(index: number): number {
    return this.spans[index * NUMBERS_PER_FIELD + 1] ?? 0;
  }
  valueStart(index: number): number {
    return this.spans[index * NUMBERS_PER_FIELD + 2] ?? 0;
  }
  valueEnd(index: number): number {
    return this.spans[index * NUMBERS_PER_FIELD + 3] ?? 0;
  }
  /** Which known name field `index` has; `OTHER` if none. */
  id(index: number): number {
    return this.ids[index] ?? 0;
  }

  setNameEnd(index: number, end: number): void {
    this.spans[index * NUMBERS_PER_FIELD + 1] = end;
  }
  setValue(index: number, start: number, end: number): void {
    this.spans[index * NUMBERS_PER_FIELD + 2] = start;
    this.spans[index * NUMBERS_PER_FIELD + 3] = end;
  }
  setId(index: number, id: number): void {
    this.ids[index] = id;
    if (id === OTHER) return;
    const bit = 1 << id;
    if ((this.present & bit) === 0) this.firstIndex[id] = index;
    else this.repeated |= bit;
    this.present |= bit;
  }

  /** The bytes between two positions, one character a byte. */
  latin1(start: number, end: number): string {
    const bytes = this.bytes;
    let text = '';
    for (let at = this.base + start; at < this.base + end; at++) text += String.fromCharCode(bytes[at] ?? 0);
    return text;
  }

  has(id: number): boolean {
    return (this.present & (1 << id)) !== 0;
  }

  isRepeated(id: number): boolean {
    return (this.repeated & (1 << id)) !== 0;
  }

  /** Index of the first field line with this id, or -1. */
  find(id: number): number {
    return this.has(id) ? (this.firstIndex[id] ?? -1) : -1;
  }

  /** The value of the first field line with this id. */
  value(id: number): string | undefined {
    const index = this.find(id);
    return index < 0 ? undefined : this.latin1(this.valueStart(index), this.valueEnd(index));
  }

  /** The values of all field lines with this id, in order. */
  values(id: number): string[] {
    const values: string[] = [];
    for (let index = 0; index < this.fieldCount; index++) {
      if (this.ids[index] === id) values.push(this.latin1(this.valueStart(index), this.valueEnd(index)));
    }
    return values;
  }
}
