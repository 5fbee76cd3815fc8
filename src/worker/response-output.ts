import type { ResponseHead } from './start-response.ts';

/** Where a response goes: into the frames of a link, or straight to the connection of an inline edge. */
export interface ResponseChannel {
  /** Bytes of content that may go now. The calls below never exceed it. */
  readonly window: number;
  /** `content` has `contentBytes` as UTF-8 or as it is, and is read before this returns. */
  respond(head: string, content: string | Uint8Array, contentBytes: number, end: boolean): void;
  respondContent(content: string | Uint8Array, contentBytes: number, end: boolean): void;
  /** In place of the end: what came is all there is, and it is not whole. */
  cut(reason: string): void;
  /** The application took content of the request: as much more may come. */
  grantContent(bytes: number): void;
}

/**
 * The response of one request on its way out: holds the head back until the first content or the end (PEP 3333), keeps
 * to the announced length, sends no content where there is none (HEAD, 204, 304), and waits where the window is closed.
 */
export class ResponseOutput {
  head: ResponseHead | null = null;
  isHeadSent = false;
  /** Content that the application produced beyond its Content-Length, and that is not sent. */
  hasExcess = false;
  /** Content that counts against Content-Length; for a response without content, what was dropped. */
  acceptedBytes = 0;
  waitingBytes = 0;
  readonly #channel: ResponseChannel;
  readonly #waiting: Uint8Array[] = [];
  #sending = false;

  constructor(channel: ResponseChannel) {
    this.#channel = channel;
  }

  /** Whether all of it has gone. `end`: the caller knows that nothing follows, and has checked `missingBytes`. */
  put(piece: string | Uint8Array, pieceBytes: number, end: boolean): boolean {
    if (this.#waiting.length === 0 && pieceBytes <= this.#channel.window && this.#fits(pieceBytes)) {
      this.acceptedBytes += pieceBytes;
      this.#send(piece, pieceBytes, end);
      return true;
    }
    return this.#putSlowly(typeof piece === 'string' ? Buffer.from(piece) : piece);
  }

  /** How much of the announced length would be missing if `pieceBytes` were the last. */
  missingBytes(pieceBytes: number): number {
    return Math.max(0, (this.head?.contentLength ?? 0) - this.acceptedBytes - pieceBytes);
  }

  /** For a response that has none: counts the content, and lets the head go. */
  drop(pieceBytes: number): void {
    this.acceptedBytes += pieceBytes;
    if (!this.isHeadSent) this.#send('', 0, false);
  }

  /** Sends what the window lets through; true when nothing waits any more. */
  flush(): boolean {
    if (this.#sending) return false;
    this.#sending = true;
    for (let first = this.#waiting[0]; first !== undefined && this.#channel.window > 0; first = this.#waiting[0]) {
      const taken = Math.min(first.length, this.#channel.window);
      if (taken === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(taken);
      this.waitingBytes -= taken;
      this.#send(first.subarray(0, taken), taken, false);
    }
    this.#sending = false;
    return this.#waiting.length === 0;
  }

  end(): void {
    this.#send('', 0, true);
  }

  /** In place of all that waits. */
  discard(): void {
    if (this.waitingBytes === 0) return;
    this.#waiting.length = 0;
    this.waitingBytes = 0;
  }

  #fits(pieceBytes: number): boolean {
    const contentLength = this.head?.contentLength ?? null;
    return contentLength === null || this.acceptedBytes + pieceBytes <= contentLength;
  }

  #putSlowly(piece: Uint8Array): boolean {
    let kept = piece;
    if (!this.#fits(piece.length)) {
      this.hasExcess = true;
      kept = piece.subarray(0, (this.head?.contentLength ?? 0) - this.acceptedBytes);
    }
    this.acceptedBytes += kept.length;
    if (kept.length > 0) {
      this.#waiting.push(kept);
      this.waitingBytes += kept.length;
    }
    return this.flush();
  }

  #send(piece: string | Uint8Array, pieceBytes: number, end: boolean): void {
    if (this.isHeadSent) {
      this.#channel.respondContent(piece, pieceBytes, end);
    } else if (this.head !== null) {
      this.isHeadSent = true;
      this.#channel.respond(this.head.encoded, piece, pieceBytes, end);
    }
  }
}
