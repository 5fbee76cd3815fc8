/**
 * A stream of content under credit: at most `windowBytes` are under way, from the sender's first byte to the receiver's
 * consumer. The receiver gives back what was consumed in grants of half a window, so that a grant costs little.
 */
export class SendWindow {
  /** Bytes that may be sent now. */
  available: number;
  readonly #windowBytes: number;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.available = windowBytes;
  }

  /** False: the peer grants more than was ever sent. */
  grant(bytes: number): boolean {
    if (bytes === 0 || this.available + bytes > this.#windowBytes) return false;
    this.available += bytes;
    return true;
  }
}

export class ReceiveWindow {
  readonly #windowBytes: number;
  #mayCome: number;
  #consumed = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#mayCome = windowBytes;
  }

  /** False: the peer sent more than was granted. */
  receive(bytes: number): boolean {
    this.#mayCome -= bytes;
    return this.#mayCome >= 0;
  }

  /** Answers how much to grant now, often 0. The rest of less than half a window never stops the sender. */
  consume(bytes: number): number {
    const consumed = Math.min(this.#consumed + bytes, this.#windowBytes - this.#mayCome);
    if (consumed * 2 < this.#windowBytes) {
      this.#consumed = consumed;
      return 0;
    }
    this.#consumed = 0;
    this.#mayCome += consumed;
    return consumed;
  }
}
