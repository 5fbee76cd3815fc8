import type { Socket } from 'node:net';
import type { RequestHead } from '../http1/request-head.ts';
import { type ParserHandler, RequestParser } from '../http1/request-parser.ts';
import { CONTINUE_RESPONSE } from '../http1/response-writer.ts';
import type { EffectivePolicy } from '../policy/effective.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { decisionMs } from '../policy/silence.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import { rules } from '../rejection/rules.ts';
import type { LogLevel } from '../telemetry/error-log.ts';
import type { Client } from './client.ts';
import { Waiting } from './deadlines.ts';
import type { Edge } from './edge-context.ts';
import { Exchange, type ExchangeOwner } from './exchange.ts';
import { type MemoryHolder, MemoryShare } from './memory-budget.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import { overdue } from './overdue-request.ts';
import { Patience } from './patience.ts';
import type { Preamble } from './preamble.ts';
import { ReceivedRequest } from './received-request.ts';
import { refusal } from './refusal.ts';
import { Reporter } from './reporter.ts';
import { type RequestNotes, RequestRecord } from './request-record.ts';
import { type Input, nextState, type State } from './state.ts';
import type { WaitingFor } from './waiting-for.ts';

/** Whoever has accepted a connection. */
export interface ConnectionOwner {
  closed(connection: Connection): void;
  /** A PROXY header has said whose it is. The refusal, if that client has too many. */
  identified(connection: Connection): Rejection | null;
}

/**
 * One client, from accept to close: the only holder of its socket. Bytes go to the parser, requests to an exchange,
 * responses to the outbox; what is decided here is when to read, when to go on and when to end.
 */
export class Connection extends Waiting implements ParserHandler, ExchangeOwner, OutboxOwner, MemoryHolder {
  private readonly edge: Edge;
  private readonly socket: Socket;
  private readonly client: Client;
  private readonly owner: ConnectionOwner;
  private readonly parser: RequestParser;
  private readonly outbox: Outbox;
  private readonly patience: Patience;
  /** Null: refusals are not recorded. */
  private readonly received: ReceivedRequest | null;
  private readonly reporter: Reporter;
  private readonly memory: MemoryShare;
  private policy: PolicyInForce;
  /** What holds for the request that runs, or ran last. */
  private effective: EffectivePolicy;
  /** Null once it has come, or where there is none. */
  private preamble: Preamble | null;
  private state: State = 'idle';
  private exchange: Exchange | undefined;
  /** Of the request that runs; null where nobody wants to hear of it, or between two. */
  private record: RequestRecord | null = null;
  private readonly isWatched: boolean;
  /** The first byte of the request came; meaningful where requests are watched. */
  private firstByteAt = 0;
  private requests = 0;
  /** Bytes of declared content that have not come; Infinity for chunks, whose sum is not known. */
  private contentLeft = 0;
  private isReceiving = false;
  private isPaused = false;
  private peerEnded = false;
  private responseIsOut = false;
  private mayGoOn = true;
  /** The client said that this is its last request: nothing of it can be on its way behind. */
  private clientCloses = false;
  private isDraining = false;

  constructor(edge: Edge, socket: Socket, client: Client, preamble: Preamble | null, owner: ConnectionOwner) {
    super();
    this.edge = edge;
    this.socket = socket;
    this.client = client;
    this.preamble = preamble;
    this.owner = owner;
    this.policy = edge.policy;
    this.effective = edge.policy.general;
    this.parser = new RequestParser(edge.parsers, edge.policy.headLimits, this);
    this.outbox = new Outbox(socket, this);
    this.patience = new Patience(edge, socket, this);
    this.received = edge.recorder === null ? null : new ReceivedRequest(edge.recorder, this.parser);
    this.reporter = new Reporter(edge, client, this.received);
    this.memory = new MemoryShare(edge.memory, this);
    this.isWatched = edge.accessLog !== null || edge.meter !== null;
    this.wait('first-byte');
  }

  // From the socket.

  /** `bytes` may be reused by the caller afterwards. False: read no more for now. */
  receive(bytes: Uint8Array): boolean {
    if (this.state === 'lingering' || this.state === 'refusing' || this.state === 'closed') return true;
    this.isReceiving = true;
    try {
      if (this.state === 'idle') this.firstByte();
      // RFC 9112 section 2.2: an empty line, which may have come long before, is no byte of the request behind it.
      else if (this.state === 'receiving-head' && this.parser.isBetweenRequests) this.adoptPolicy();
      const ofRequests = this.preamble === null ? bytes : this.receivePreamble(bytes, this.preamble);
      if (ofRequests !== undefined) this.parser.receive(ofRequests);
    } catch (error) {
      this.fault(error);
    }
    this.isReceiving = false;
    this.afterReceiving();
    this.account();
    return !this.isPaused;
  }

  receiveEnd(): void {
    this.peerEnded = true;
    if (this.state === 'idle' && this.parser.waitingBytes > 0) return;
    const sentNothing = this.state === 'receiving-head' && this.parser.isBetweenRequests;
    if (sentNothing || this.state === 'lingering' || this.state === 'idle') return this.destroy();
    try {
      this.parser.receiveEnd();
      this.exchange?.clientEnded();
    } catch (error) {
      this.fault(error);
    }
  }

  closed(): void {
    this.endRecord(true);
    this.state = 'closed';
    this.patience.end();
    this.exchange?.abort();
    this.parser.free();
    this.account();
    this.owner.closed(this);
  }

  // From the parser.

  onRequestHead(head: RequestHead): void {
    this.enter('head');
    this.requests += 1;
    this.contentLeft = head.framing === 'none' ? 0 : head.framing === 'chunked' ? Infinity : head.contentLength;
    this.responseIsOut = false;
    this.clientCloses = !head.keepAlive;
    this.patience.beginRequest();
    this.received?.keepHead(head);
    if (!this.client.takeRequest(head, this.edge.inspection)) this.reporter.proxyNamedNobody();
    if (this.isWatched) this.beginRecord(this.edge.accessLog?.begin(head, this.client) ?? null);
    this.exchange = new Exchange(this.edge, this, head, this.record);
    if (this.isBlocked()) return;
    this.exchange.begin(head);
    this.progress();
  }

  onContent(bytes: Uint8Array): void {
    this.contentLeft -= bytes.length;
    const tooSlow = this.patience.contentMoved(bytes.length, this.effective.values);
    if (tooSlow !== undefined && this.contentLeft > 0) return this.refuse(tooSlow);
    this.exchange?.receiveContent(bytes);
    this.progress();
  }

  onEndOfMessage(): void {
    this.enter('end-of-message');
    this.received?.forget();
    this.contentLeft = 0;
    this.exchange?.endContent();
    this.settle();
  }

  onRejected(rejection: Rejection): void {
    this.refuse(rejection);
  }

  // From the exchange.

  policyFor(head: RequestHead): EffectivePolicy {
    const { inspection } = this.edge;
    const effective = this.policy.for(head, inspection);
    this.effective = effective;
    if (effective.route !== null) this.takeRoute(this.policy.policy.routes[effective.route]?.label ?? null);
    this.parser.limits = effective.parserLimits;
    if (effective.allow !== null || effective.deny !== null) inspection.client = this.client.address;
    return effective;
  }

  private takeRoute(label: string | null): void {
    this.received?.takeRoute(label);
    if (this.record !== null) this.record.route = label;
  }

  get isLastRequest(): boolean {
    const { maxRequests, maxAgeMs } = this.effective.values.keepAlive;
    return this.isDraining || this.requests >= maxRequests || this.patience.ageMs >= maxAgeMs;
  }

  /** For whoever counts the connections. */
  get currentState(): State {
    return this.state;
  }

  get clientKey(): string | null {
    return this.client.key;
  }

  get connectionPairs(): Uint8Array {
    return this.client.pairs;
  }

  get clientHasEnded(): boolean {
    return this.peerEnded;
  }

  send(bytes: Buffer): void {
    this.outbox.send(bytes);
    this.account();
  }

  get pendingBytes(): number {
    return this.outbox.pendingBytes;
  }

  sendContinue(): void {
    this.outbox.send(CONTINUE_RESPONSE);
  }

  pauseContent(): void {
    this.pause();
  }

  resumeContent(): void {
    if (this.parser.waitingBytes > 0) return;
    this.resumeReading();
    this.progress();
  }

  heldBytesChanged(): void {
    this.account();
  }

  /** Content that is still on its way when the response begins is drained up to what memory may hold of it. */
  get canReachNextRequest(): boolean {
    return this.contentLeft <= this.effective.request.contentMemoryBytes;
  }

  responseEnded(keepAlive: boolean): void {
    this.responseIsOut = true;
    this.mayGoOn = keepAlive && this.canReachNextRequest;
    if (!this.mayGoOn) this.stopParser();
    else if (this.state === 'receiving-content') this.resumeReading();
    this.settle();
  }

  /** Answers the rule's status. Ends the connection where the rule or unread content wants it; the client may read on. */
  refuse(rejection: Rejection): void {
    if (this.state === 'refusing' || this.state === 'lingering' || this.state === 'closed') return;
    const { exchange } = this;
    const rule = rules[rejection.rule];
    this.reporter.refused(rejection);
    if (this.isWatched) this.recordRefusal(rejection);
    exchange?.abort();
    if (rejection.status === null) return this.cut();
    if (this.responseIsOut) return this.endBehindResponse();
    if (exchange?.hasBegunResponse === true) return this.cut();
    const keepAlive = rule.ends === 'request' && exchange?.mayKeepAlive === true && this.canReachNextRequest;
    if (!keepAlive) {
      this.clientCloses = false;
      this.parser.stop();
      this.enter('rejected');
    } else if (this.state === 'receiving-content') {
      // What it had been paused for will not be.
      this.resumeReading();
    }
    this.responseIsOut = true;
    this.mayGoOn = keepAlive;
    const { methods } = this.effective.request;
    const answer = refusal(rejection, methods, this.edge.dateLine(), keepAlive, exchange?.isHead === true);
    this.record?.answeredByEdge(rejection.status, answer);
    this.outbox.send(answer);
    this.settle();
  }

  observe(rejection: Rejection): void {
    this.reporter.observed(rejection);
  }

  /** What is wrong lies behind an answer that is complete: the client reads that to its end. */
  private endBehindResponse(): void {
    this.clientCloses = false;
    this.mayGoOn = false;
    this.parser.stop();
    this.enter('rejected');
    this.settle();
  }

  cut(): void {
    this.destroy();
  }

  /** Nobody waits for an answer, or none can be sent any more. */
  private closeSilently(rejection: Rejection, level: LogLevel = 'debug'): void {
    this.reporter.closed(rejection, level);
    this.destroy();
  }

  // From the outbox and the deadlines.

  onDrained(bytes: number): void {
    if (this.state === 'closed') return;
    this.account();
    try {
      const tooSlow = this.patience.responseMoved(bytes, this.effective.values);
      if (this.outbox.pendingBytes > 0) {
        return tooSlow === undefined ? this.progress() : this.refuse(tooSlow);
      }
      this.exchange?.acknowledgeDrained();
      if (this.responseIsOut && !this.isReceiving) this.settle();
      else if (this.patience.waitingFor === 'write') this.progress();
    } catch (error) {
      this.fault(error);
    }
  }

  expire(): void {
    try {
      // Its client may still be taking what the kernel holds. If not, or too slowly, this is called again.
      if (this.patience.goesOn() || this.awaitsVerdict()) return;
      // A refusal that the client does not read is no reason for another one.
      if (this.state === 'refusing') return this.destroy();
      const expired = this.patience.expired(this.effective.values);
      if (expired === undefined) return this.destroy();
      if (this.parser.isBetweenRequests && this.exchange === undefined) return this.closeSilently(expired);
      this.refuse(this.withRequest(expired));
    } catch (error) {
      this.fault(error);
    }
  }

  /**
   * A worker has the request and has not begun it. Either it is busy, or its event loop stands still, and then the master is
   * about to kill it and the request goes to another: it could run twice if that were decided here.
   */
  private awaitsVerdict(): boolean {
    if (this.patience.waitingFor !== 'worker' || this.exchange?.dispatchedRequest?.phase !== 'sent') return false;
    return this.patience.waitOnce(decisionMs(this.policy.general.values.timeouts.workerMs));
  }

  private withRequest(rejection: Rejection): Rejection {
    const request = this.exchange?.dispatchedRequest ?? null;
    if (rejection.rule !== 'timeout.worker' || this.exchange === undefined || request === null) return rejection;
    const { route } = this.effective;
    const label = route === null ? null : (this.policy.policy.routes[route]?.label ?? null);
    return overdue(rejection, request, this.exchange.ageMs, label);
  }

  /** Sets the deadline of whoever is waited for now. The queue's is absolute, the others begin anew. */
  progress(): void {
    if (this.state === 'closed' || this.state === 'lingering') return;
    if (this.outbox.pendingBytes > 0) return this.wait('write');
    if (this.state !== 'receiving-content' && this.state !== 'responding') return;
    const party = this.responseIsOut ? 'content' : (this.exchange?.waitsFor() ?? 'content');
    if (party !== 'queue' || this.patience.waitingFor !== 'queue') this.wait(party);
  }

  shed(rejection: Rejection): void {
    try {
      // A response on its way takes the memory until the last byte of it has left.
      if (this.outbox.pendingBytes === 0) this.refuse(rejection);
      else this.closeSilently(rejection, 'warning');
    } catch (error) {
      this.fault(error);
    }
    this.account();
  }

  /** Where others have no room: a connection without a request gives up its own. */
  closeIfIdle(): boolean {
    const { waitingFor } = this.patience;
    const hasResponse = this.state === 'idle' && (waitingFor === 'keep-alive' || waitingFor === 'last-request');
    if (!hasResponse && this.state !== 'lingering') return false;
    this.destroy();
    return true;
  }

  /**
   * The edge drains: the next response is the last one. An idle connection waits for one more request, though not for long: it
   * may be under way, and a client can only guess whether it was served on a connection that is closed under it.
   */
  drain(): void {
    this.isDraining = true;
    this.exchange?.closeAfterwards();
    if (this.state === 'idle') this.wait('last-request');
  }

  /**
   * A fault of ours: it costs this connection and is logged, whatever the others do. A trap of the parser may have left the
   * memory that all connections share in any state: that ends the edge, and the master starts another.
   */
  fault(error: unknown): void {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    this.edge.log.error('Fault in a connection, which is closed', error instanceof Error ? error.stack : String(error));
    this.destroy();
  }

  // Between two requests, and at the end.

  /** A connection that was idle has waited under the policy of its last request. */
  private firstByte(): void {
    if (this.isWatched) this.firstByteAt = performance.now();
    this.client.forgetRequest();
    this.adoptPolicy();
    this.enter('first-byte');
    this.wait('head');
    this.isBlocked();
  }

  /** Asked before a byte is read; and once more of each head, which may name another client. True: it is refused. */
  private isBlocked(): boolean {
    const { blocked } = this.edge;
    if (blocked.size === 0 || this.client.key === null) return false;
    const rejection = blocked.refusalOf(this.client.key);
    if (rejection !== null) this.refuse(rejection);
    return rejection !== null;
  }

  /** The bytes behind it; its own fall under the deadline of the first head. Undefined: there are none yet, or never. */
  private receivePreamble(bytes: Uint8Array, preamble: Preamble): Uint8Array | undefined {
    const reading = preamble.receive(bytes);
    if (reading.type === 'incomplete') return undefined;
    this.preamble = null;
    if (reading.type === 'malformed') {
      this.refuse(reject('proxy.malformed', reading.fault));
      return undefined;
    }
    this.client.takeSource(reading.source);
    const excess = this.owner.identified(this);
    if (excess !== null) this.refuse(excess);
    if (excess !== null || this.isBlocked()) return undefined;
    return reading.rest.length === 0 ? undefined : reading.rest;
  }

  private afterReceiving(): void {
    if (this.state === 'idle') this.goOn();
    else if (this.parser.waitingBytes > 0) this.pause();
  }

  /** The response has left and the message is in: the next request, or the end. */
  private settle(): void {
    if (this.state === 'lingering' || this.state === 'closed') return;
    if (!this.responseIsOut || this.outbox.pendingBytes > 0) return this.progress();
    this.endRecord(false);
    if (!this.mayGoOn) {
      this.enter(this.state === 'refusing' ? 'refusal-sent' : 'last-response-sent');
      this.linger();
    } else if (this.state === 'responding') {
      this.enter('response-sent');
      this.exchange = undefined;
      this.responseIsOut = false;
      this.account();
      if (!this.isReceiving) this.goOn();
    } else {
      this.progress();
    }
  }

  /**
   * One pipelined request a turn, so that a client with many of them takes turns with the others. Until then nothing more
   * is read: a read that filled its buffer is followed by the next one in the same turn.
   */
  private goOn(): void {
    if (this.parser.waitingBytes > 0) {
      this.pause();
      setImmediate(() => this.nextWaiting());
      return;
    }
    if (this.peerEnded) return this.destroy();
    this.parser.resume();
    this.resumeReading();
    this.wait(this.isDraining ? 'last-request' : 'keep-alive');
  }

  private nextWaiting(): void {
    if (this.state !== 'idle') return;
    this.isReceiving = true;
    try {
      this.firstByte();
      this.parser.resume();
      if (this.peerEnded && this.parser.waitingBytes === 0) this.parser.receiveEnd();
    } catch (error) {
      this.fault(error);
    }
    this.isReceiving = false;
    if (this.parser.waitingBytes === 0) this.resumeReading();
    this.afterReceiving();
    this.account();
  }

  private adoptPolicy(): void {
    if (this.policy !== this.edge.policy) {
      this.policy = this.edge.policy;
      this.effective = this.policy.general;
      this.client.adopt(this.policy);
    }
    this.parser.limits = this.policy.headLimits;
  }

  /**
   * RFC 9112 section 9.6: reads on for a while, so that no reset takes the response from the client. Where nothing can
   * come any more there is nothing to wait for: all is with the kernel, which sends it before the FIN.
   */
  private linger(): void {
    const isAlone = this.clientCloses && this.contentLeft <= 0;
    this.stopParser();
    this.resumeReading();
    if (this.peerEnded || isAlone) return this.destroy();
    this.socket.end();
    this.wait('lingering');
  }

  /** What is waiting already shows that a client that closes does not keep its word. */
  private stopParser(): void {
    if (this.parser.waitingBytes > 0) this.clientCloses = false;
    this.parser.stop();
  }

  private destroy(): void {
    if (this.state === 'closed') return;
    this.state = nextState(this.state, 'destroyed');
    this.endRecord(true);
    this.account();
    // The parser may be in the middle of telling.
    this.parser.stop();
    this.socket.destroy();
  }

  /** What is refused before its head was read has no record yet; what comes behind a whole answer gets no second one. */
  private recordRefusal(rejection: Rejection): void {
    if (this.record === null && rejection.status !== null && !this.responseIsOut) {
      this.beginRecord(this.edge.accessLog?.beginWithoutHead(this.parser.headSoFar, this.client) ?? null);
    }
    this.record?.refused(rejection);
  }

  private beginRecord(notes: RequestNotes | null): void {
    this.record = new RequestRecord(this.firstByteAt, this.policy.policy.name, notes);
  }

  private endRecord(isCut: boolean): void {
    const { record } = this;
    if (record === null) return;
    this.record = null;
    record.endedAt = performance.now();
    record.isCut = isCut;
    this.edge.accessLog?.end(record);
    this.edge.meter?.end(record);
  }

  private enter(input: Input): void {
    this.state = nextState(this.state, input);
  }

  private wait(waitingFor: WaitingFor): void {
    this.patience.wait(waitingFor, this.effective.values);
  }

  /** After whatever may have changed what is kept waiting. */
  private account(): void {
    const isClosed = this.state === 'closed';
    const heldBytes = isClosed ? 0 : this.outbox.pendingBytes + this.parser.heldBytes + (this.exchange?.heldBytes ?? 0);
    this.memory.hold(heldBytes, this.policy.policy.memory.budgetBytes);
  }

  private pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.socket.pause();
  }

  private resumeReading(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.socket.resume();
  }
}
