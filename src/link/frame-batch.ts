import { endFlag, frameHeaderBytes, frameType, maxPieceBytes, maxReasonBytes, writeFrameHeader } from './frame.ts';

/** What a batch needs of a socket. */
export interface BatchSocket {
  write(bytes: Uint8Array, written: () => void): unknown;
  /** Bytes that the kernel has not taken. */
  readonly writableLength: number;
  readonly destroyed: boolean;
}

const firstBytes = 64 * 1024;
/** A burst's buffer that is larger is given back. */
const keptBytes = 1024 * 1024;
/** With more than this under way content of responses waits where it is made: many windows together are no bound. */
const roomBytes = 1024 * 1024;

/**
 * Frames on their way out: all that one turn of the event loop makes leaves in one write. Its size is bounded by what the
 * senders may have under way: the credit windows, one environ or head a request, and for responses of all requests together
 * by `hasRoom`.
 */
export class FrameBatch {
  /** Where the frame begun last is filled in. */
  bytes: Buffer = Buffer.allocUnsafeSlow(firstBytes);
  /** There is room again, after somebody was told that there is none. */
  onRoom: () => void = () => {};
  readonly #socket: BatchSocket;
  #length = 0;
  /** The header of the newest frame that content may still be added to, or -1. */
  #open = -1;
  #openId = 0;
  #scheduled = false;
  /** The socket still reads from the last buffer: what comes meanwhile waits, so that slowness makes larger batches. */
  #writing = false;
  #spare: Buffer | null = null;
  #oldestAt = 0;
  #wasFull = false;

  constructor(socket: BatchSocket) {
    this.#socket = socket;
  }

  /** The other side has taken nearly all: more content may go. What has to go goes in any case. */
  get hasRoom(): boolean {
    const hasRoom = this.#length + (this.#writing ? this.#socket.writableLength : 0) < roomBytes;
    if (!hasRoom) this.#wasFull = true;
    return hasRoom;
  }

  /** Starts a frame whose payload has exactly `payloadBytes`, and answers where in `bytes` they belong. */
  begin(type: number, end: boolean, id: number, payloadBytes: number): number {
    const at = this.#reserve(frameHeaderBytes + payloadBytes);
    writeFrameHeader(this.bytes, at, type, end ? endFlag : 0, id, payloadBytes);
    this.#open = !end && (type === frameType.response || type === frameType.content) ? at : -1;
    this.#openId = id;
    return at + frameHeaderBytes;
  }

  /** Content of either direction; what follows directly on content of the same message joins its frame. */
  content(id: number, content: Uint8Array, end: boolean): void {
    for (let from = 0; from < content.length; from += maxPieceBytes) {
      const piece = content.length <= maxPieceBytes ? content : content.subarray(from, from + maxPieceBytes);
      const at = this.beginContent(id, piece.length, end && from + maxPieceBytes >= content.length);
      this.bytes.set(piece, at);
    }
    if (content.length === 0 && end) this.beginContent(id, 0, true);
  }

  /** As `begin` for one piece of content, at most `maxPieceBytes`. */
  beginContent(id: number, pieceBytes: number, end: boolean): number {
    if (this.#open >= 0 && this.#openId === id) {
      const joinedBytes = this.bytes.readUInt32LE(this.#open) + pieceBytes;
      if (joinedBytes <= maxPieceBytes) {
        const at = this.#reserve(pieceBytes);
        this.bytes.writeUInt32LE(joinedBytes, this.#open);
        if (end) {
          this.bytes[this.#open + 5] = endFlag;
          this.#open = -1;
        }
        return at;
      }
    }
    return this.begin(frameType.content, end, id, pieceBytes);
  }

  credit(id: number, bytes: number): void {
    const at = this.begin(frameType.credit, false, id, 4);
    this.bytes.writeUInt32LE(bytes, at);
  }

  /** `reason` is latin1, at most `maxReasonBytes`. */
  abort(id: number, reason: string): void {
    const at = this.begin(frameType.abort, false, id, reason.length);
    this.bytes.write(reason, at, 'latin1');
  }

  /** The last frame of an edge that ends a link for what the worker did wrong. */
  fault(text: string): void {
    const reason = text.slice(0, maxReasonBytes);
    const at = this.begin(frameType.fault, false, 0, reason.length);
    this.bytes.write(reason, at, 'latin1');
  }

  /** For one that works long without returning to the event loop: what waits longer than this goes now. */
  flushIfOlderThan(milliseconds: number): void {
    if (this.#length > 0 && performance.now() - this.#oldestAt > milliseconds) this.flush();
  }

  flush(): void {
    if (!this.#writing) this.#write();
  }

  /** Before the end of the socket: whatever waits goes, in order. */
  flushAll(): void {
    this.#write();
  }

  #write(): void {
    const length = this.#length;
    const written = this.bytes;
    this.#length = 0;
    this.#open = -1;
    if (length === 0 || this.#socket.destroyed) return;
    this.#socket.write(written.subarray(0, length), this.#onWritten);
    if (this.#socket.writableLength === 0) {
      if (written.length > keptBytes) this.bytes = Buffer.allocUnsafeSlow(firstBytes);
      if (this.#wasFull) this.#tellOfRoom();
      return;
    }
    // The two buffers take turns; a second write before the first is done (`flushAll`) takes both out of use.
    const [free, used] = this.#writing ? [null, null] : [this.#spare, written];
    this.bytes = free ?? Buffer.allocUnsafeSlow(firstBytes);
    this.#spare = used !== null && used.length <= keptBytes ? used : null;
    this.#writing = true;
  }

  readonly #onWritten = (): void => {
    if (!this.#writing || this.#socket.writableLength > 0) return;
    this.#writing = false;
    this.flush();
    if (this.#wasFull) this.#tellOfRoom();
  };

  /** In a turn of its own: whoever makes frames is in the middle of it. */
  #tellOfRoom(): void {
    this.#wasFull = false;
    if (this.hasRoom) setImmediate(() => this.onRoom());
  }

  readonly #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  #reserve(bytes: number): number {
    const at = this.#length;
    if (at === 0) {
      this.#oldestAt = performance.now();
      if (!this.#scheduled) {
        this.#scheduled = true;
        setImmediate(this.#onTurn);
      }
    }
    this.#length = at + bytes;
    if (this.#length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#length, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    return at;
  }
}
