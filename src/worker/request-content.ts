import { Readable } from 'node:stream';
import { HeldContent } from '../link/held-content.ts';

/** One read of the application at a time: what it has not asked for stays with us and is not granted again. */
const options = { highWaterMark: 1 };

export interface ContentOwner {
  /** The application took so many bytes. */
  contentConsumed(bytes: number): void;
}

/** `wsgi.input`: the content of one request. Bytes are consumed, and may be granted again, when the application reads. */
export class RequestContent extends Readable {
  readonly #owner: ContentOwner;
  #held: HeldContent | null = null;
  #ended: boolean;
  #wanted = false;

  constructor(hasContent: boolean, owner: ContentOwner) {
    super(options);
    this.#ended = !hasContent;
    this.#owner = owner;
    // An application that does not listen for an error must not die of a client that went.
    this.on('error', ignore);
  }

  /** `bytes` may be reused by the caller. */
  receive(bytes: Uint8Array): void {
    if (this.#ended || this.destroyed) return;
    this.#held ??= new HeldContent();
    this.#held.append(bytes);
    this.#deliver();
  }

  receiveEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deliver();
  }

  /** The response is over: whoever still reads learns that nothing more comes. */
  finish(): void {
    if (!this.#ended || (this.#held?.length ?? 0) > 0) this.destroy();
    this.#held = null;
  }

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  #deliver(): void {
    if (!this.#wanted) return;
    const bytes = this.#held !== null && this.#held.length > 0 ? this.#held.take() : null;
    if (bytes === null && !this.#ended) return;
    this.#wanted = false;
    if (bytes === null) {
      this.push(null);
      return;
    }
    this.#owner.contentConsumed(bytes.length);
    this.push(bytes);
  }
}

function ignore(): void {}
