import type { Socket } from 'node:net';

/** Handed to the socket at once: what leaves is seen in steps of this size, so that a slow reader shows progress. */
const PIECE_BYTES = 16384;
const NOTHING = Buffer.alloc(0);

export interface OutboxOwner {
  /** `bytes` of what was sent have left for the kernel. */
  onDrained(bytes: number): void;
}

/**
 * What waits to be written to one client. A response that fits the kernel's buffer leaves at once and costs one write;
 * only what does not fit is queued here, one piece in flight. The caller bounds what it sends (credit of the dispatcher).
 */
export class Outbox {
  private readonly socket: Socket;
  private readonly owner: OutboxOwner;
  private queue: Buffer[] | undefined;
  private inFlight = 0;
  private waiting = 0;

  constructor(socket: Socket, owner: OutboxOwner) {
    this.socket = socket;
    this.owner = owner;
  }

  /** Bytes that have not left for the kernel. */
  get pendingBytes(): number {
    return this.inFlight + this.waiting;
  }

  /** `bytes` belong to the outbox from here on. */
  send(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.pendingBytes > 0) {
      this.enqueue(bytes);
      return;
    }
    const first = bytes.length > PIECE_BYTES ? bytes.subarray(0, PIECE_BYTES) : bytes;
    if (first !== bytes) this.enqueue(bytes.subarray(PIECE_BYTES));
    this.write(first);
  }

  private enqueue(bytes: Buffer): void {
    this.queue ??= [];
    this.queue.push(bytes);
    this.waiting += bytes.length;
  }

  /** Writes pieces until one does not leave at once. */
  private write(first: Buffer): void {
    let piece: Buffer | undefined = first;
    while (piece !== undefined) {
      this.inFlight = piece.length;
      this.socket.write(piece);
      // A socket that is gone takes everything at once: nothing has left, and nobody may be told so. `close` follows.
      if (this.socket.errored !== null || this.socket.destroyed) return;
      if (this.socket.writableLength > 0) {
        // Runs when the piece before it has left: no callback is made for the many that leave at once.
        this.socket.write(NOTHING, () => this.onFlushed());
        return;
      }
      this.leave();
      piece = this.take();
    }
  }

  private onFlushed(): void {
    if (this.socket.destroyed) return;
    this.leave();
    const piece = this.take();
    if (piece !== undefined) this.write(piece);
  }

  private leave(): void {
    const bytes = this.inFlight;
    this.inFlight = 0;
    this.owner.onDrained(bytes);
  }

  /** The next piece, unless the owner has sent it by itself meanwhile. */
  private take(): Buffer | undefined {
    const first = this.inFlight === 0 ? this.queue?.[0] : undefined;
    if (first === undefined || this.queue === undefined) return undefined;
    const piece = first.length > PIECE_BYTES ? first.subarray(0, PIECE_BYTES) : first;
    if (piece === first) this.queue.shift();
    else this.queue[0] = first.subarray(PIECE_BYTES);
    if (this.queue.length === 0) this.queue = undefined;
    this.waiting -= piece.length;
    return piece;
  }
}
