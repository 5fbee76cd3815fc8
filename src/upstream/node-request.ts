import { ReceiveWindow, SendWindow } from '../link/credit-window.ts';
import { frameType } from '../link/frame.ts';
import type { FrameBatch } from '../link/frame-batch.ts';
import type { Welcome } from '../link/greeting.ts';
import { HeldContent } from '../link/held-content.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { DispatchedRequest, RequestPhase, ResponseSink } from './dispatch.ts';
import type { EnvironCopies } from './environ-copies.ts';
import type { Queued, RequestQueue } from './request-queue.ts';
import { subjectOf } from './request-subject.ts';

/**
 * `queued`: no worker has it. `sent`: a worker has it, and may not have begun it. `begun`: a frame about it came back.
 * `responding`: the head of the response came. `aborted`: the sink is done, the worker has yet to say that it is too.
 */
type State = 'queued' | 'sent' | 'begun' | 'responding' | 'aborted' | 'over';

/** What all requests of a dispatcher share, until a reload changes the windows of those that come later. */
export type NodeRequestContext = {
  /** What a worker is told before it gets the request. */
  readonly welcome: Welcome;
  readonly copies: EnvironCopies;
  readonly queue: RequestQueue<NodeRequest>;
};

/** What a request wants to know of the link that it is on. */
export interface Carrier {
  /** Of the worker. */
  readonly pid: number;
  /** The worker has, or may have, begun it. */
  hasBegun(id: number): boolean;
}

const nothing = Buffer.alloc(0);

/**
 * One request on its way to a worker and back. Until the worker is heard to have begun it, everything sent so far is kept
 * here (the environ, and content up to its first window), so that it can go to another worker.
 */
export class NodeRequest implements DispatchedRequest, Queued<NodeRequest> {
  previous: NodeRequest | null = null;
  next: NodeRequest | null = null;
  state: State = 'queued';
  readonly #context: NodeRequestContext;
  readonly #sink: ResponseSink;
  readonly #hasContent: boolean;
  readonly #contentWindow: SendWindow;
  readonly #responseWindow: ReceiveWindow;
  #environ: Buffer | null;
  readonly #environBytes: number;
  #held: HeldContent | null = null;
  #contentEnded: boolean;
  #batch: FrameBatch | null = null;
  #carrier: Carrier | null = null;
  #id = 0;
  /** Kept from the environ where that goes before the request does. */
  #subject = '';

  constructor(context: NodeRequestContext, environ: Uint8Array, hasContent: boolean, sink: ResponseSink) {
    this.#context = context;
    this.#sink = sink;
    this.#hasContent = hasContent;
    this.#contentEnded = !hasContent;
    this.#contentWindow = new SendWindow(context.welcome.contentWindowBytes);
    this.#responseWindow = new ReceiveWindow(context.welcome.responseWindowBytes);
    this.#environ = context.copies.take(environ);
    this.#environBytes = environ.length;
  }

  get requestId(): string {
    return this.#sink.requestId;
  }

  get ageMs(): number {
    return this.#sink.ageMs;
  }

  get subject(): string {
    return this.#environ === null ? this.#subject : subjectOf(this.#environ, this.#environBytes);
  }

  get phase(): RequestPhase {
    if (this.state === 'aborted') return 'over';
    return this.state === 'sent' && this.#carrier?.hasBegun(this.#id) === true ? 'begun' : this.state;
  }

  /** Its windows, wherever it goes: one that moves to another worker takes along what it has sent under them. */
  get welcome(): Welcome {
    return this.#context.welcome;
  }

  sendContent(bytes: Uint8Array): void {
    if (this.state === 'aborted' || this.state === 'over' || bytes.length === 0) return;
    if (this.#contentEnded || bytes.length > this.#contentWindow.available) {
      throw new Error(`${bytes.length} bytes of content where ${this.#contentWindow.available} are granted`);
    }
    this.#contentWindow.available -= bytes.length;
    if (this.#environ !== null) {
      this.#held ??= new HeldContent();
      this.#held.append(bytes);
    }
    if (this.state !== 'queued') this.#batch?.content(this.#id, bytes, false);
  }

  endContent(): void {
    if (this.#contentEnded || this.state === 'aborted' || this.state === 'over') return;
    this.#contentEnded = true;
    if (this.state !== 'queued') this.#batch?.content(this.#id, nothing, true);
  }

  abort(): void {
    switch (this.state) {
      case 'queued':
        this.#context.queue.remove(this);
        this.#end('over');
        break;
      case 'sent':
      case 'begun':
      case 'responding':
        this.#end('aborted');
        this.#batch?.abort(this.#id, '');
        break;
    }
  }

  acknowledge(bytes: number): void {
    if (this.state !== 'responding') return;
    const grant = this.#responseWindow.consume(bytes);
    if (grant > 0) this.#batch?.credit(this.#id, grant);
  }

  /** A worker takes it: everything known so far is sent. */
  send(batch: FrameBatch, id: number, carrier: Carrier): void {
    if (this.#environ === null) throw new Error('a request without its environ cannot be sent');
    this.#batch = batch;
    this.#carrier = carrier;
    this.#id = id;
    this.state = 'sent';
    const at = batch.begin(frameType.request, !this.#hasContent, id, this.#environBytes);
    this.#environ.copy(batch.bytes, at, 0, this.#environBytes);
    if (this.#hasContent && (this.#held !== null || this.#contentEnded)) {
      batch.content(id, this.#held?.view() ?? nothing, this.#contentEnded);
    }
    this.#sink.dispatched(carrier.pid);
  }

  /** The worker died before it began this request. It has to be queued again. */
  takeBack(): void {
    this.state = 'queued';
    this.#batch = null;
    this.#carrier = null;
    this.#sink.takenBack();
  }

  fail(rejection: Rejection): void {
    if (this.state === 'over' || this.state === 'aborted') return;
    this.#end('over');
    this.#sink.fail(rejection);
  }

  /**
   * A frame of the worker about this request; answers what is wrong with it, or null. May throw what the sink throws.
   */
  receiveFrame(type: number, end: boolean, bytes: Buffer, start: number, stop: number): string | null {
    const { maxPayloadBytes } = this.welcome;
    // The decoder allows for older requests of the link as well, whose policy may have been a more generous one.
    if (stop - start > maxPayloadBytes) return `frame of ${stop - start} bytes, more than ${maxPayloadBytes}`;
    if (this.state === 'sent') {
      this.state = 'begun';
      this.#release(!end);
    }
    switch (type) {
      case frameType.response:
        return this.#receiveResponse(end, bytes, start, stop);
      case frameType.content:
        return this.#receiveContent(end, bytes, start, stop);
      case frameType.credit:
        return this.#receiveCredit(bytes, start, stop);
      case frameType.abort:
        this.fail(reject('worker.failed', abortReason(bytes, start, stop)));
        this.state = 'over';
        return null;
      default:
        return `frame of type ${type} from a worker`;
    }
  }

  #receiveResponse(end: boolean, bytes: Buffer, start: number, stop: number): string | null {
    if (this.state === 'responding') return 'a second response';
    if (stop - start < 4) return 'response without its head';
    const contentStart = start + 4 + bytes.readUInt32LE(start);
    if (contentStart > stop) return 'response head longer than its frame';
    const fault = headFault(bytes, start + 4, contentStart);
    if (fault !== null) return fault;
    if (!this.#responseWindow.receive(stop - contentStart)) return 'more response content than granted';
    if (this.state === 'aborted') {
      if (end) this.state = 'over';
      return null;
    }
    this.state = end ? 'over' : 'responding';
    this.#sink.respond(bytes, start + 4, contentStart, stop, end);
    return null;
  }

  #receiveContent(end: boolean, bytes: Buffer, start: number, stop: number): string | null {
    if (this.state === 'begun') return 'response content before its head';
    if (start === stop && !end) return 'empty content';
    if (!this.#responseWindow.receive(stop - start)) return 'more response content than granted';
    if (this.state === 'responding') {
      if (end) this.state = 'over';
      this.#sink.respondContent(bytes.subarray(start, stop), end);
    } else if (end) {
      this.state = 'over';
    }
    return null;
  }

  #receiveCredit(bytes: Buffer, start: number, stop: number): string | null {
    if (stop - start !== 4) return `credit of ${stop - start} bytes`;
    const granted = bytes.readUInt32LE(start);
    if (!this.#contentWindow.grant(granted)) return 'credit for content that was not sent';
    if (this.state !== 'aborted' && !this.#contentEnded) this.#sink.grantContent(granted);
    return null;
  }

  #end(state: 'aborted' | 'over'): void {
    this.state = state;
    this.#release(state === 'aborted');
  }

  /** `isOnItsWay`: somebody may still want to know which request it was. Of the many that are answered whole, nobody does. */
  #release(isOnItsWay: boolean): void {
    if (this.#environ === null) return;
    if (isOnItsWay) this.#subject = subjectOf(this.#environ, this.#environBytes);
    this.#context.copies.giveBack(this.#environ);
    this.#environ = null;
    this.#held = null;
  }
}

/** The status, then names and values: an odd number of strings, each with its NUL. */
function headFault(bytes: Buffer, start: number, stop: number): string | null {
  if (stop === start || bytes[stop - 1] !== 0) return 'response head without its last NUL';
  let strings = 0;
  for (let at = start; at < stop; at++) if (bytes[at] === 0) strings++;
  return strings % 2 === 1 ? null : 'response head with a name that has no value';
}

function abortReason(bytes: Buffer, start: number, stop: number): string {
  return bytes.toString('latin1', start, stop) || 'the application failed';
}
