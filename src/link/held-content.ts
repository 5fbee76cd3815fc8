const firstBytes = 1024;

/**
 * Content that waits for its reader, as one run of bytes: however small the pieces, it costs at most twice their sum.
 * The bound is the credit window of whoever appends.
 */
export class HeldContent {
  length = 0;
  #bytes = Buffer.alloc(0);

  append(piece: Uint8Array): void {
    const needed = this.length + piece.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.length * 2, firstBytes));
      this.#bytes.copy(larger, 0, 0, this.length);
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.length);
    this.length = needed;
  }

  /** Valid until the next call. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  /** Hands the bytes over and starts anew. */
  take(): Buffer {
    const taken = this.view();
    this.#bytes = Buffer.alloc(0);
    this.length = 0;
    return taken;
  }
}
