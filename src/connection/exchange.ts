import type { RequestHead } from '../http1/request-head.ts';
import { ResponseWriter } from '../http1/response-writer.ts';
import { expectsContinue } from '../inspect/content.ts';
import { inspect, inspectForm } from '../inspect/inspect.ts';
import type { EffectivePolicy } from '../policy/effective.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { DispatchedRequest, ResponseSink } from '../upstream/dispatch.ts';
import { isBelow } from '../upstream/mount.ts';
import { CompleteContent } from './complete-content.ts';
import type { ContentOwner, ContentPath } from './content-path.ts';
import { isDeliveredComplete } from './delivery.ts';
import type { Edge } from './edge-context.ts';
import { HeldRequest, type HeldRequestOwner } from './held-request.ts';
import type { RequestRecord } from './request-record.ts';
import { StreamedContent } from './streamed-content.ts';

/** What an exchange asks of the connection that it belongs to. */
export interface ExchangeOwner {
  readonly connectionPairs: Uint8Array;
  /** Under which the client is counted; null: nobody knows whose request it is. */
  readonly clientKey: string | null;
  /** What holds for a request whose form was inspected; from now on it holds for the connection. */
  policyFor(head: RequestHead): EffectivePolicy;
  readonly isLastRequest: boolean;
  /** The client has ended its side, or is gone. */
  readonly clientHasEnded: boolean;
  send(bytes: Buffer): void;
  /** Of what was sent, bytes that have not left. */
  readonly pendingBytes: number;
  sendContinue(): void;
  /** Something happened that the deadline depends on. */
  progress(): void;
  /** What is left of the content is little enough to be read and dropped. */
  readonly canReachNextRequest: boolean;
  pauseContent(): void;
  resumeContent(): void;
  heldBytesChanged(): void;
  /** The last byte of the response is in the outbox; false: the connection cannot go on. */
  responseEnded(keepAlive: boolean): void;
  refuse(rejection: Rejection): void;
  /** The rule is only observed: the request passes. */
  observe(rejection: Rejection): void;
  /** A response that has begun cannot be completed: the client sees the cut. */
  cut(): void;
  /** A fault of ours. */
  fault(error: unknown): void;
}

/** Whom a request waits for: each has its deadline in the policy. */
export type Party = 'queue' | 'content' | 'worker';

/**
 * `held`: rate limits are asked, or its content comes, which goes to the application when all of it is here. `queued`: handed
 * over, and no worker has it. `dispatched`: a worker has it.
 */
type Stage = 'held' | 'queued' | 'dispatched';

/**
 * One request and its response, station by station: inspect, admit, environ, content in, dispatch, response out. Read this
 * first. It holds no socket: bytes come from the parser and go to the connection.
 */
export class Exchange implements ResponseSink, ContentOwner, HeldRequestOwner {
  readonly isHead: boolean;
  /** An answer of the edge may leave the connection open. */
  mayKeepAlive: boolean;
  private readonly number: number;
  private readonly edge: Edge;
  private readonly owner: ExchangeOwner;
  /** Null where nobody wants to hear of requests. */
  private readonly record: RequestRecord | null;
  private readonly writer: ResponseWriter;
  private stage: Stage = 'held';
  private dispatchedMs = 0;
  private readonly expectsContinue: boolean;
  private held: HeldRequest | undefined;
  private content: ContentPath | undefined;
  private request: DispatchedRequest | undefined;
  private contentReceived = 0;
  /** Beyond so many bytes an observed limit is passed. */
  private observedContentBytes = Number.POSITIVE_INFINITY;
  private responseBegun = false;
  private ended = false;
  private unacknowledged = 0;
  private drained = 0;

  constructor(edge: Edge, owner: ExchangeOwner, head: RequestHead, record: RequestRecord | null) {
    this.edge = edge;
    this.owner = owner;
    this.record = record;
    this.number = edge.requestIds.next();
    if (record !== null) record.requestNumber = this.number;
    this.isHead = head.method === 'HEAD';
    this.expectsContinue = expectsContinue(head);
    // Refused instead of told to continue, a client may send its content or not: nobody could tell what comes next.
    this.mayKeepAlive = head.keepAlive && head.minorVersion === 1 && !this.expectsContinue;
    const { minorVersion, keepAlive } = head;
    this.writer = new ResponseWriter({ isHead: this.isHead, minorVersion, keepAlive });
  }

  get requestId(): string {
    return `${this.edge.requestIds.prefix}${this.number}`;
  }

  /** Form, route, inspect, admit, environ; and on to the application, unless there is something to wait for first. */
  begin(head: RequestHead): void {
    const { edge, owner } = this;
    const malformed = inspectForm(head, edge.inspection);
    if (malformed !== undefined) return owner.refuse(malformed);
    const policy = owner.policyFor(head);
    if (owner.isLastRequest) this.closeAfterwards();
    const rejection = inspect(head, policy, edge.inspection);
    if (policy.observed !== null) this.observeAll(head, policy);
    if (rejection !== undefined) return owner.refuse(rejection);
    if (!isBelow(edge.inspection, edge.mount)) {
      return owner.refuse(reject('target.not-mounted', `not below ${edge.mount.scriptName}`));
    }
    const held = HeldRequest.isNeeded(edge, head, policy) ? new HeldRequest(edge, this, head, policy) : undefined;
    const excess = held?.admit(head, policy);
    if (excess !== undefined) return owner.refuse(excess);
    this.held = held;
    const environ = edge.environ.encode(head, edge.inspection, owner.connectionPairs, this.number);
    if (head.framing !== 'none') this.content = this.contentPath(head, policy);
    if (held !== undefined && !held.isReady) return held.keep(environ);
    if (this.expectsContinue) owner.sendContinue();
    this.dispatch(environ);
  }

  private observeAll(head: RequestHead, { observed, request }: EffectivePolicy): void {
    for (const rejection of this.edge.inspection.observed) this.owner.observe(rejection);
    const isCounted = head.framing === 'chunked' && observed?.has('content.too-large') === true;
    if (isCounted) this.observedContentBytes = request.contentBytes;
  }

  private contentPath(head: RequestHead, policy: EffectivePolicy): ContentPath {
    if (!isDeliveredComplete(head, policy, this.edge.dispatcher)) return new StreamedContent(this);
    const { maxBytes } = this.edge.policy.policy.spool;
    return new CompleteContent(this, this.edge.spool, policy.request.contentMemoryBytes, maxBytes);
  }

  get clientKey(): string | null {
    return this.owner.clientKey;
  }

  /** Its content may come, if the client waits for that word. */
  admitted(): void {
    if (this.expectsContinue && this.content?.waitsForClient === true) this.owner.sendContinue();
    this.owner.progress();
  }

  release(environ: Uint8Array): void {
    this.dispatch(environ);
    this.owner.progress();
  }

  /** Nothing has to be waited for, any more: on to the application. `environ` is read before this returns. */
  private dispatch(environ: Uint8Array): void {
    const { edge, owner, content } = this;
    this.stage = 'queued';
    this.record?.released(environ);
    // As the dispatcher has it for requests that come now.
    const windowBytes = edge.policy.general.request.contentMemoryBytes;
    const request = edge.dispatcher.dispatch(environ, content !== undefined, this);
    // Answered, or refused, before this returned: then the dispatcher may have to be told.
    if (this.ended) return request.abort();
    this.request = request;
    content?.flowTo(request, windowBytes);
    if (owner.pendingBytes === 0) this.acknowledgeDrained();
    if (owner.clientHasEnded) this.clientEnded();
  }

  // Content, from the client to the application.

  receiveContent(bytes: Uint8Array): void {
    if (this.ended) return;
    this.contentReceived += bytes.length;
    if (this.record !== null) this.record.receivedBytes = this.contentReceived;
    if (this.contentReceived > this.observedContentBytes) {
      this.owner.observe(reject('content.too-large', `more than ${this.observedContentBytes} bytes`));
      this.observedContentBytes = Number.POSITIVE_INFINITY;
    }
    this.content?.receive(bytes);
  }

  endContent(): void {
    if (!this.ended) this.content?.end();
  }

  contentIsComplete(length: number): void {
    if (this.ended) return;
    this.held?.contentIsComplete(length);
    this.owner.progress();
  }

  grantContent(bytes: number): void {
    try {
      if (this.ended) return;
      this.content?.grant(bytes);
      this.owner.heldBytesChanged();
    } catch (error) {
      this.owner.fault(error);
    }
  }

  pauseContent(): void {
    if (!this.ended) this.owner.pauseContent();
  }

  resumeContent(): void {
    if (!this.ended) this.owner.resumeContent();
  }

  heldBytesChanged(): void {
    this.owner.heldBytesChanged();
  }

  refuse(rejection: Rejection): void {
    if (!this.ended) this.owner.refuse(rejection);
  }

  observe(rejection: Rejection): void {
    if (!this.ended) this.owner.observe(rejection);
  }

  fault(error: unknown): void {
    this.owner.fault(error);
  }

  /** Bytes that wait here for somebody. */
  get heldBytes(): number {
    return (this.content?.heldBytes ?? 0) + (this.held?.heldBytes ?? 0);
  }

  /**
   * The client has ended its side. Most of those that do are gone, and one that waits for its response all the same can be told
   * so: while all workers are busy none is spent on it. nginx gives up such requests wherever they are.
   */
  clientEnded(): void {
    if (this.ended || this.stage !== 'queued' || !this.edge.dispatcher.hasWorkers) return;
    this.owner.refuse(reject('overload.queue', 'the client ended its side while the request waited for a worker'));
  }

  // The response, from the application to the client.

  dispatched(workerPid: number): void {
    this.record?.dispatched(workerPid);
    if (this.stage === 'dispatched') return;
    this.stage = 'dispatched';
    this.dispatchedMs = this.edge.deadlines.nowMs;
    if (!this.ended) this.owner.progress();
  }

  /** The deadlines of the queue and of the worker begin anew: what it waited for was never its turn. */
  takenBack(): void {
    this.stage = 'queued';
    if (!this.ended) this.owner.progress();
  }

  get ageMs(): number {
    return this.edge.deadlines.nowMs - this.dispatchedMs;
  }

  /** Null: nobody has it. */
  get dispatchedRequest(): DispatchedRequest | null {
    return this.request ?? null;
  }

  respond(bytes: Uint8Array, headStart: number, headEnd: number, contentEnd: number, end: boolean): void {
    try {
      if (!this.ended) this.takeHead(bytes, headStart, headEnd, contentEnd, end);
    } catch (error) {
      this.owner.fault(error);
    }
  }

  respondContent(content: Uint8Array, end: boolean): void {
    try {
      if (!this.ended) this.takeContent(content, end);
    } catch (error) {
      this.owner.fault(error);
    }
  }

  private takeHead(bytes: Uint8Array, headStart: number, headEnd: number, contentEnd: number, end: boolean): void {
    const { edge } = this;
    const fault = this.responseBegun ? 'a second response head' : edge.responseHead.read(bytes, headStart, headEnd);
    if (fault !== undefined) {
      edge.log.error(`Worker answered request ${this.requestId} with ${fault}`);
      return this.failWith(reject('worker.failed', fault));
    }
    this.responseBegun = true;
    this.record?.answered(edge.responseHead);
    if (!this.owner.canReachNextRequest) this.writer.keepAlive = false;
    const content = { bytes, start: headEnd, end: contentEnd };
    this.emit(this.writer.begin(edge.responseHead, content, end, edge.dateLine()), contentEnd - headEnd, end);
  }

  private takeContent(content: Uint8Array, end: boolean): void {
    if (!this.responseBegun) return this.failWith(reject('worker.failed', 'content before the response head'));
    const piece = { bytes: content, start: 0, end: content.length };
    this.emit(this.writer.content(piece, end), content.length, end);
  }

  private emit(bytes: Buffer, contentBytes: number, end: boolean): void {
    const { writer, owner, record } = this;
    this.unacknowledged += contentBytes;
    if (record !== null) {
      if (!this.isHead) record.sentBytes += contentBytes;
      if (end) record.completeAt = performance.now();
    }
    if (end) {
      this.ended = true;
      this.request = undefined;
      this.content?.abort();
    }
    if (bytes.length > 0) owner.send(bytes);
    else this.acknowledgeDrained();
    if (writer.excess > 0 || (end && writer.missing > 0)) return this.endWrongLength(end);
    if (end) owner.responseEnded(writer.keepAlive);
    else owner.progress();
  }

  /** The declared Content-Length was a promise to the client: what is beyond it never leaves, and short is cut. */
  private endWrongLength(end: boolean): void {
    const { writer, edge, owner } = this;
    const fault = writer.excess > 0 ? 'more content than its Content-Length' : `${writer.missing} bytes too few`;
    edge.log.error(`Response to request ${this.requestId} has ${fault}`);
    if (!end) this.abort();
    if (writer.missing > 0) owner.cut();
    else owner.responseEnded(false);
  }

  /**
   * Everything sent so far has left for the client: as much more may come, in the next turn. An application inside the edge
   * would otherwise answer within this one, and a client that keeps up would hold the edge for as long as it likes.
   */
  acknowledgeDrained(): void {
    if (this.request === undefined || this.unacknowledged === 0) return;
    if (this.drained === 0) setImmediate(() => this.acknowledge());
    this.drained += this.unacknowledged;
    this.unacknowledged = 0;
  }

  private acknowledge(): void {
    const { drained } = this;
    this.drained = 0;
    try {
      this.request?.acknowledge(drained);
    } catch (error) {
      this.owner.fault(error);
    }
  }

  fail(rejection: Rejection): void {
    try {
      if (!this.ended) this.failWith(rejection);
    } catch (error) {
      this.owner.fault(error);
    }
  }

  private failWith(rejection: Rejection): void {
    this.abort();
    if (this.responseBegun) this.owner.cut();
    else this.owner.refuse(rejection);
  }

  /** Nobody waits for the response any more. */
  abort(): void {
    if (this.ended) return;
    this.ended = true;
    const { request } = this;
    this.request = undefined;
    this.content?.abort();
    if (this.stage === 'held') this.held?.cancel();
    request?.abort();
  }

  /** This response is the last one of its connection. */
  closeAfterwards(): void {
    this.mayKeepAlive = false;
    this.writer.keepAlive = false;
  }

  get hasBegunResponse(): boolean {
    return this.responseBegun;
  }

  waitsFor(): Party {
    const content = this.content?.waitsForClient === true;
    if (this.stage === 'dispatched') return content ? 'content' : 'worker';
    return this.stage === 'held' && content ? 'content' : 'queue';
  }
}
