import type { Socket } from 'node:net';
import { FrameDecoder, type FrameReceiver, frameType } from '../link/frame.ts';
import { FrameBatch } from '../link/frame-batch.ts';
import { helloFault, type Welcome, welcomeBytes, writeWelcome } from '../link/greeting.ts';
import { isAfter, nextRequestId, previousRequestId } from '../link/request-id.ts';
import type { StartedFile } from '../link/started-file.ts';
import type { AnswerPace } from './answer-pace.ts';
import type { Carrier, NodeRequest } from './node-request.ts';

/** Who is allowed on a link. */
export type ExpectedWorker = {
  /** The master's number for it. */
  readonly worker: number;
  readonly pid: number;
  readonly token: Uint8Array;
  readonly started: StartedFile;
  readonly firstId: number;
};

export interface LinkOwner {
  /** The worker proved who it is. */
  linkGreeted(link: NodeLink): void;
  /** A request ended: there is room for another. */
  linkHasRoom(): void;
  linkClosed(link: NodeLink, end: LinkEnd): void;
  /** A sink threw: our own fault, which costs its request and nothing else. */
  sinkFailed(request: NodeRequest, error: unknown): void;
}

/** `fault` is what the worker did wrong; null where it went by itself. The lists are in the order of dispatch. */
export type LinkEnd = {
  readonly fault: string | null;
  /** The worker has, or may have, begun them. */
  readonly begun: readonly NodeRequest[];
  readonly notBegun: readonly NodeRequest[];
};

/** The edge's end of the link to one worker. */
export class NodeLink implements FrameReceiver, Carrier {
  readonly expected: ExpectedWorker;
  /** Null: nothing waits at a worker, all that it has runs. */
  readonly pace: AnswerPace | null;
  /** The master is about to kill the worker, whose event loop does not turn. */
  isSilent = false;
  /**
   * Requests go to an `open` one alone. `leaving`: the master lets the worker go. `draining`: the worker has said so too.
   * `ending`: we have had enough of it.
   */
  state: 'awaiting-hello' | 'open' | 'leaving' | 'draining' | 'ending' | 'closed' = 'awaiting-hello';
  readonly #owner: LinkOwner;
  readonly #socket: Socket;
  readonly #batch: FrameBatch;
  readonly #decoder: FrameDecoder;
  /** In the order of dispatch; aborted ones too until the worker has let go of them. */
  readonly #requests = new Map<number, NodeRequest>();
  /** What the worker was told last: it holds for the requests sent after it. */
  #welcome: Welcome;
  #nextId: number;
  #fault: string | null = null;

  constructor(socket: Socket, expected: ExpectedWorker, welcome: Welcome, pace: AnswerPace | null, owner: LinkOwner) {
    this.expected = expected;
    this.pace = pace;
    this.#owner = owner;
    this.#socket = socket;
    this.#welcome = welcome;
    this.#nextId = expected.firstId;
    this.#batch = new FrameBatch(socket);
    this.#decoder = new FrameDecoder(welcome.maxPayloadBytes, this);
    socket.on('data', (bytes: Buffer) => {
      const fault = this.#decoder.receive(bytes, bytes.length);
      if (fault !== null) this.fail(fault);
      else if (this.state === 'draining') this.#closeIfIdle();
    });
    // A worker that dies with our bytes unread is a reset; what it had begun is in the started file either way.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
  }

  /** Requests that this worker has. */
  get inFlight(): number {
    return this.#requests.size;
  }

  send(request: NodeRequest): void {
    if (request.welcome !== this.#welcome) this.#welcomeAnew(request.welcome);
    const id = this.#nextId;
    this.#nextId = nextRequestId(id);
    this.pace?.sent(performance.now(), this.#requests.size);
    this.#requests.set(id, request);
    request.send(this.#batch, id, this);
  }

  get pid(): number {
    return this.expected.pid;
  }

  hasBegun(id: number): boolean {
    const startedId = this.#startedId();
    return startedId === null || !isAfter(id, startedId);
  }

  /** Those that the worker has not let go of, in the order of dispatch. */
  get requests(): readonly NodeRequest[] {
    return [...this.#requests.values()];
  }

  /** No request begins here any more. The worker may be too busy to say so itself. */
  leave(): void {
    if (this.state === 'open') this.state = 'leaving';
  }

  /** Ends the link at once for what the worker did wrong, and tells the worker, which should end as well. */
  fail(fault: string): void {
    if (this.state === 'ending' || this.state === 'closed') return;
    this.#fault = fault;
    this.#batch.fault(fault);
    this.#batch.flushAll();
    this.destroy();
  }

  destroy(): void {
    if (this.state === 'closed') return;
    this.state = 'ending';
    this.#decoder.stop();
    this.#socket.destroy();
  }

  receiveFrame(type: number, end: boolean, id: number, bytes: Buffer, start: number, stop: number): string | null {
    if (this.state === 'awaiting-hello') return this.#receiveHello(type, id, bytes, start, stop);
    if (type === frameType.draining) return this.#receiveDraining(id, stop - start);
    if (type === frameType.pace) return this.#receivePace(id, bytes, start, stop);
    const request = this.#requests.get(id);
    if (request === undefined) return `frame of type ${type} for request ${id}, which does not run`;
    const isLast = end || type === frameType.abort;
    // First of all: the sink may hand over its next request during the call, and there has to be room for it.
    if (isLast) {
      this.#requests.delete(id);
      this.pace?.answered(performance.now());
    }
    let fault: string | null = null;
    try {
      fault = request.receiveFrame(type, end, bytes, start, stop);
    } catch (error) {
      this.#owner.sinkFailed(request, error);
    }
    if (isLast && fault !== null) {
      this.#requests.set(id, request);
    } else if (isLast) {
      if (request.welcome !== this.#welcome) this.#allowPayloads();
      this.#owner.linkHasRoom();
    }
    return fault;
  }

  /** The policy is another one since the last request, or this one is older: it comes from a queue or another worker. */
  #welcomeAnew(welcome: Welcome): void {
    this.#welcome = welcome;
    this.#sendWelcome();
    this.#allowPayloads();
  }

  #sendWelcome(): void {
    const at = this.#batch.begin(frameType.welcome, false, 0, welcomeBytes);
    writeWelcome(this.#batch.bytes, at, this.#welcome);
  }

  /** A frame may be as long as the most generous of those policies allows that requests of this link still run under. */
  #allowPayloads(): void {
    let mostBytes = this.#welcome.maxPayloadBytes;
    for (const { welcome } of this.#requests.values()) mostBytes = Math.max(mostBytes, welcome.maxPayloadBytes);
    this.#decoder.maxPayloadBytes = mostBytes;
  }

  #receiveDraining(id: number, payloadBytes: number): string | null {
    if (id !== 0 || payloadBytes > 0) return 'malformed draining frame';
    this.state = 'draining';
    return null;
  }

  #receivePace(id: number, bytes: Buffer, start: number, stop: number): string | null {
    if (id !== 0 || stop - start !== 4) return 'malformed pace frame';
    this.pace?.told(bytes.readUInt32LE(start));
    return null;
  }

  #receiveHello(type: number, id: number, bytes: Buffer, start: number, stop: number): string | null {
    if (type !== frameType.hello || id !== 0) return `frame of type ${type} before the hello`;
    const fault = helloFault(bytes, start, stop, this.expected);
    if (fault !== null) return fault;
    this.#sendWelcome();
    this.state = 'open';
    this.#owner.linkGreeted(this);
    return null;
  }

  #closeIfIdle(): void {
    if (this.#requests.size > 0 || this.#socket.destroyed) return;
    this.#batch.flushAll();
    this.#socket.destroySoon();
  }

  #onClose(): void {
    const startedId = this.state === 'ending' ? null : this.#startedId();
    this.state = 'closed';
    this.#decoder.stop();
    const begun: NodeRequest[] = [];
    const notBegun: NodeRequest[] = [];
    for (const [id, request] of this.#requests) {
      if (startedId !== null && request.state === 'sent' && isAfter(id, startedId)) notBegun.push(request);
      else begun.push(request);
    }
    this.#requests.clear();
    this.expected.started.close();
    this.#owner.linkClosed(this, { fault: this.#fault, begun, notBegun });
  }

  /**
   * The last request that the worker began; null where it may be any. That is so where we ended the link: the worker
   * lives on, and may still be working through what it has read.
   */
  #startedId(): number | null {
    const startedId = this.expected.started.read();
    // Anything but the id before the first to the one sent last is nonsense.
    const lastId = previousRequestId(this.#nextId);
    const back = (lastId - (startedId ?? 0)) >>> 0;
    if (startedId === null || back > (lastId - previousRequestId(this.expected.firstId)) >>> 0) return null;
    return startedId;
  }
}
