import { SendWindow } from '../link/credit-window.ts';
import { HeldContent } from '../link/held-content.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { DispatchedRequest, RequestPhase, ResponseSink } from './dispatch.ts';
import type { Queued } from './request-queue.ts';
import { type ConnectionOwner, type Failure, UwsgiConnection } from './uwsgi-connection.ts';
import { subjectOfPacket, variableIn } from './uwsgi-packet.ts';
import type { UwsgiServer } from './uwsgi-server.ts';

/** What the requests of a dispatcher share, until a reload changes the windows of those that come later. */
export type UwsgiRequestBounds = {
  readonly contentWindowBytes: number;
  readonly responseWindowBytes: number;
  readonly maxResponseHeadBytes: number;
  readonly connectMs: number;
};

export interface UwsgiRequestOwner {
  /** It was aborted while it waited for a server. */
  leavesQueue(request: UwsgiRequest): void;
  /** Its server did not run it, or may run it again: another one can have it. */
  goesOn(request: UwsgiRequest): void;
  /** It failed, and why. */
  failed(request: UwsgiRequest, server: UwsgiServer, reason: string): void;
  /** A fault of ours, in what its sink did. */
  sinkFailed(request: UwsgiRequest, error: unknown): void;
}

type State = 'queued' | 'connecting' | 'sent' | 'responding' | 'over';

/** RFC 9110 section 9.2.2, of the methods that there are. A method of our policy's own is taken for one that is not. */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * One request on its way to a server and back. As long as it may go to another server, all of it that was sent is kept: the
 * packet, and content up to its first window. It may while nothing has been sent; then, once, if its method is idempotent and
 * no byte of an answer came. Any other is never run twice.
 */
export class UwsgiRequest implements DispatchedRequest, Queued<UwsgiRequest> {
  previous: UwsgiRequest | null = null;
  next: UwsgiRequest | null = null;
  /** Where it was lost: others are asked first. */
  avoided: UwsgiServer | null = null;
  readonly #owner: UwsgiRequestOwner;
  readonly #bounds: UwsgiRequestBounds;
  readonly #packet: Buffer;
  readonly #sink: ResponseSink;
  readonly #contentWindow: SendWindow;
  readonly #isIdempotent: boolean;
  readonly #isHead: boolean;
  #state: State = 'queued';
  /** Null: some of it is gone, or there is none. */
  #held: HeldContent | null;
  #contentEnded: boolean;
  #isRepeated = false;
  /** Of its server, when it was asked for a connection. */
  #answersBefore = 0;
  #connection: UwsgiConnection | null = null;

  constructor(
    packet: Buffer,
    hasContent: boolean,
    sink: ResponseSink,
    bounds: UwsgiRequestBounds,
    owner: UwsgiRequestOwner,
  ) {
    this.#packet = packet;
    this.#sink = sink;
    this.#bounds = bounds;
    this.#owner = owner;
    this.#contentWindow = new SendWindow(bounds.contentWindowBytes);
    this.#contentEnded = !hasContent;
    this.#held = new HeldContent();
    const method = variableIn(packet, 'REQUEST_METHOD');
    this.#isHead = method === 'HEAD';
    this.#isIdempotent = idempotentMethods.has(method);
  }

  get requestId(): string {
    return this.#sink.requestId;
  }

  get subject(): string {
    return subjectOfPacket(this.#packet);
  }

  /** Nobody hears when a uWSGI server begins: with the first byte on its way there, it may have. */
  get phase(): RequestPhase {
    if (this.#state === 'connecting') return 'sent';
    return this.#state === 'sent' ? 'begun' : this.#state;
  }

  // From the dispatcher.

  /** `server` takes it. */
  goTo(server: UwsgiServer): void {
    this.#state = 'connecting';
    const { connectMs, maxResponseHeadBytes: maxHeadBytes, responseWindowBytes: windowBytes } = this.#bounds;
    const limits = { connectMs, maxHeadBytes, windowBytes, isHead: this.#isHead };
    server.take();
    this.#answersBefore = server.answers;
    const attempt = this.#attempt(server, () => connection);
    const connection: UwsgiConnection = new UwsgiConnection(server.address.place, limits, attempt);
    this.#connection = connection;
    // Another machine's process id says nothing here.
    this.#sink.dispatched(0);
  }

  fail(rejection: Rejection): void {
    if (this.#state === 'over') return;
    this.#end();
    this.#sink.fail(rejection);
  }

  // From the connection to the client.

  sendContent(bytes: Uint8Array): void {
    if (this.#state === 'over' || bytes.length === 0) return;
    if (this.#contentEnded || bytes.length > this.#contentWindow.available) {
      throw new Error(`${bytes.length} bytes of content where ${this.#contentWindow.available} are granted`);
    }
    this.#contentWindow.available -= bytes.length;
    this.#held?.append(bytes);
    if (this.#state === 'sent' || this.#state === 'responding') {
      this.#connection?.write(Buffer.from(bytes), bytes.length);
    }
  }

  /** The server has counted along. */
  endContent(): void {
    this.#contentEnded = true;
  }

  abort(): void {
    const wasQueued = this.#state === 'queued';
    const connection = this.#connection;
    this.#end();
    if (wasQueued) this.#owner.leavesQueue(this);
    connection?.destroy();
  }

  acknowledge(bytes: number): void {
    if (this.#state === 'responding') this.#connection?.acknowledge(bytes);
  }

  // From the connection to the server.

  /** What is heard of one attempt; once it is over, or another one was made, only that the server is free of it. */
  #attempt(server: UwsgiServer, connection: () => UwsgiConnection): ConnectionOwner {
    const ifCurrent = (act: () => void): void => {
      if (this.#connection !== connection()) return;
      try {
        act();
      } catch (error) {
        this.#owner.sinkFailed(this, error);
      }
    };
    return {
      connected: () => ifCurrent(() => this.#connected(connection())),
      answered: (bytes, headEnd, end) =>
        ifCurrent(() => {
          server.answered();
          this.#held = null;
          this.#take(end);
          this.#sink.respond(bytes, 0, headEnd, bytes.length, end);
        }),
      content: (bytes, end) =>
        ifCurrent(() => {
          this.#take(end);
          this.#sink.respondContent(bytes, end);
        }),
      written: (bytes) => ifCurrent(() => this.#written(bytes)),
      failed: (failure, reason) => ifCurrent(() => this.#failed(server, failure, reason)),
      released: () => server.release(),
    };
  }

  #connected(connection: UwsgiConnection): void {
    this.#state = 'sent';
    const content = this.#held?.view() ?? Buffer.alloc(0);
    connection.write(Buffer.concat([this.#packet, content]), content.length);
    if (!this.#isIdempotent || this.#isRepeated) this.#held = null;
  }

  /** With more to come than was kept so far, the beginning is let go: a request may be longer than memory. */
  #written(bytes: number): void {
    if (this.#contentEnded) return;
    this.#held = null;
    this.#contentWindow.grant(bytes);
    this.#sink.grantContent(bytes);
  }

  #failed(server: UwsgiServer, failure: Failure, reason: string): void {
    switch (failure) {
      case 'full':
        server.full();
        return this.#goOn(server);
      case 'unheard':
        // One that has answered others meanwhile is there.
        if (server.answers > this.#answersBefore) server.full();
        else server.unreachable(reason);
        return this.#goOn(server);
      case 'unreachable':
        server.unreachable(reason);
        return this.#goOn(server);
      case 'lost':
        server.lost(reason);
        if (this.#held === null) break;
        this.#isRepeated = true;
        return this.#goOn(server);
    }
    this.#owner.failed(this, server, reason);
    this.fail(reject('worker.failed', `upstream: ${reason}`));
  }

  #goOn(server: UwsgiServer): void {
    this.#connection = null;
    this.avoided = server;
    this.#sink.takenBack();
    // It may have been aborted in return.
    if (this.#isOver) return;
    this.#state = 'queued';
    this.#owner.goesOn(this);
  }

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  #take(end: boolean): void {
    if (end) this.#end();
    else this.#state = 'responding';
  }

  #end(): void {
    this.#state = 'over';
    this.#connection = null;
    this.#held = null;
  }
}
