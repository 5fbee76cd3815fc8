import type { DispatchedRequest } from '../upstream/dispatch.ts';
import type { ContentOwner, ContentPath } from './content-path.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Content that goes to the application as it arrives (`delivery: stream`). What is not granted waits here, at most one read of
 * the socket more than the first grant, and the client is read no further.
 */
export class StreamedContent implements ContentPath {
  private readonly owner: ContentOwner;
  private windowBytes = 0;
  private request: DispatchedRequest | undefined;
  /** Bytes that may be handed over; what came beyond waits in `held`. */
  private credit = 0;
  private held: Uint8Array | undefined;
  private hasEnded = false;
  private endIsSent = false;
  private isPumping = false;
  private isOver = false;

  constructor(owner: ContentOwner) {
    this.owner = owner;
  }

  receive(bytes: Uint8Array): void {
    if (this.request !== undefined && this.held === undefined && bytes.length <= this.credit) {
      this.credit -= bytes.length;
      this.request.sendContent(bytes);
      return;
    }
    this.held = Buffer.concat([this.held ?? NOTHING, bytes]);
    this.pump();
  }

  end(): void {
    this.hasEnded = true;
    this.pump();
  }

  flowTo(request: DispatchedRequest, windowBytes: number): void {
    this.request = request;
    this.windowBytes = windowBytes;
    this.credit = windowBytes;
    this.pump();
  }

  grant(bytes: number): void {
    this.credit += bytes;
    this.pump();
  }

  abort(): void {
    this.isOver = true;
    this.held = undefined;
    // What is on its way to the application is waited for by nobody.
    this.credit = this.windowBytes;
  }

  get waitsForClient(): boolean {
    return !this.hasEnded && this.held === undefined;
  }

  get heldBytes(): number {
    return this.windowBytes - this.credit + (this.held?.length ?? 0);
  }

  /** Hands over what the credit allows. More may be granted meanwhile: an application in the edge reads at once. */
  private pump(): void {
    const { request } = this;
    if (this.isPumping || this.isOver) return;
    if (request === undefined) return this.owner.pauseContent();
    this.isPumping = true;
    while (this.held !== undefined && this.credit > 0 && !this.isOver) {
      const piece: Uint8Array = this.held.subarray(0, this.credit);
      this.held = piece.length === this.held.length ? undefined : this.held.subarray(piece.length);
      this.credit -= piece.length;
      request.sendContent(piece);
    }
    this.isPumping = false;
    if (this.isOver) return;
    if (this.held !== undefined) return this.owner.pauseContent();
    if (this.hasEnded && !this.endIsSent) {
      this.endIsSent = true;
      request.endContent();
    }
    this.owner.resumeContent();
  }
}
