import { SendWindow } from '../link/credit-window.ts';
import { frameType, maxPieceBytes } from '../link/frame.ts';
import type { FrameBatch } from '../link/frame-batch.ts';
import { type AppContext, EnvironExchange } from './environ-app.ts';
import type { ResponseChannel } from './response-output.ts';

/** So much of each response goes whatever is under way: a short one does not wait behind long ones. */
const promptBytes = 16 * 1024;
/** Responses that are ready wait at most this long for the next piece of an application that does not pause. */
const maxFrameAgeMs = 1;

export interface WorkerRequestOwner {
  /** The last frame about it has been written. */
  requestEnded(id: number): void;
}

/** One request in a worker: what the application answers becomes frames. */
export class WorkerRequest implements ResponseChannel {
  readonly id: number;
  readonly exchange: EnvironExchange;
  isOver = false;
  readonly #batch: FrameBatch;
  readonly #owner: WorkerRequestOwner;
  readonly #window: SendWindow;
  #sentBytes = 0;

  constructor(
    id: number,
    environ: Record<string, unknown>,
    hasContent: boolean,
    context: AppContext,
    batch: FrameBatch,
    owner: WorkerRequestOwner,
  ) {
    this.id = id;
    this.#batch = batch;
    this.#owner = owner;
    this.#window = new SendWindow(context.responseWindowBytes);
    this.exchange = new EnvironExchange(context, this, environ, hasContent);
  }

  /** None while the link is full: 1,000 windows would be a gigabyte that waits here for the edge to read it. */
  get window(): number {
    const { available } = this.#window;
    return this.#batch.hasRoom ? available : Math.min(available, Math.max(0, promptBytes - this.#sentBytes));
  }

  respond(head: string, content: string | Uint8Array, contentBytes: number, end: boolean): void {
    const isWhole = contentBytes <= maxPieceBytes;
    const batch = this.#batch;
    const payloadBytes = 4 + head.length + (isWhole ? contentBytes : 0);
    const at = batch.begin(frameType.response, end && isWhole, this.id, payloadBytes);
    batch.bytes.writeUInt32LE(head.length, at);
    batch.bytes.write(head, at + 4, 'latin1');
    if (!isWhole) {
      this.respondContent(content, contentBytes, end);
      return;
    }
    if (contentBytes > 0) fill(batch.bytes, at + 4 + head.length, content);
    this.#sent(contentBytes, end);
  }

  respondContent(content: string | Uint8Array, contentBytes: number, end: boolean): void {
    const batch = this.#batch;
    batch.flushIfOlderThan(maxFrameAgeMs);
    if (typeof content === 'string' && contentBytes <= maxPieceBytes) {
      fill(batch.bytes, batch.beginContent(this.id, contentBytes, end), content);
    } else {
      batch.content(this.id, typeof content === 'string' ? Buffer.from(content) : content, end);
    }
    this.#sent(contentBytes, end);
  }

  cut(reason: string): void {
    this.#batch.abort(this.id, reason);
    this.#sent(0, true);
  }

  grantContent(bytes: number): void {
    this.#batch.credit(this.id, bytes);
  }

  /** The edge takes more of the response; false: more than was ever sent. */
  receiveCredit(bytes: number): boolean {
    if (!this.#window.grant(bytes)) return false;
    this.exchange.windowOpened();
    return true;
  }

  /** The client is gone. Answered with an abort of our own, after which the edge forgets the id. */
  cancel(): void {
    this.cut('cancelled');
    this.exchange.cancel();
  }

  #sent(contentBytes: number, end: boolean): void {
    this.#window.available -= contentBytes;
    this.#sentBytes += contentBytes;
    if (!end) return;
    this.isOver = true;
    this.#owner.requestEnded(this.id);
  }
}

function fill(bytes: Buffer, at: number, content: string | Uint8Array): void {
  if (typeof content === 'string') bytes.write(content, at, 'utf8');
  else bytes.set(content, at);
}
