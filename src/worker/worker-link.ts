import { connect, type Socket } from 'node:net';
import {
  FrameDecoder,
  type FrameReceiver,
  frameHeaderBytes,
  frameType,
  maxPieceBytes,
  maxReasonBytes,
} from '../link/frame.ts';
import { FrameBatch } from '../link/frame-batch.ts';
import { helloBytes, readWelcome, type Welcome, writeHello } from '../link/greeting.ts';
import { isAfter } from '../link/request-id.ts';
import { StartedFile } from '../link/started-file.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { EnvironApp } from './app-interface.ts';
import { EnvironDecoder } from './decode-environ.ts';
import { type AppContext, environConstants } from './environ-app.ts';
import type { RequestHooks } from './request-hooks.ts';
import { WorkerRequest, type WorkerRequestOwner } from './worker-request.ts';

export type WorkerLinkOptions = {
  readonly path: string;
  /** In hexadecimal. */
  readonly token: string;
  readonly startedPath: string;
  /** From the connect to the edge's welcome. */
  readonly welcomeMs: number;
  readonly app: EnvironApp;
  readonly appName: string;
  readonly requestHooks?: RequestHooks | null;
  readonly log: Log;
  /** Before the application is called for one. */
  readonly onBegin: () => void;
  /** The edge found that this process breaks the protocol. It is not fit to go on. */
  readonly onFault: (reason: string) => void;
  readonly onClosed: () => void;
};

/** A whole frame of content fits, so that bulk content is not copied once more. */
const readBytes = maxPieceBytes + frameHeaderBytes;
/** Applications are called without a pause for at most this long; then what they answered goes out. */
const maxSliceMs = 1;
/** So many calls after one that took longer than a slice are made one at a time: the next may take long as well. */
const cautiousCalls = 64;

/** A worker's end of the link to one edge. */
export class WorkerLink implements FrameReceiver, WorkerRequestOwner {
  state: 'connecting' | 'greeting' | 'open' | 'draining' | 'closed' = 'connecting';
  readonly #options: WorkerLinkOptions;
  readonly #started: StartedFile;
  readonly #socket: Socket;
  readonly #batch: FrameBatch;
  readonly #deadline: NodeJS.Timeout;
  #decoder: FrameDecoder;
  /** Of the requests that come next; each keeps the one that it came under. */
  #context: AppContext | null = null;
  readonly #requests = new Map<number, WorkerRequest>();
  /** Read, and not begun. */
  #pending: WorkerRequest[] = [];
  #lastId: number | null = null;
  #isScheduled = false;
  #cautiousCalls = 0;

  /** Throws where the started file cannot be opened. */
  constructor(options: WorkerLinkOptions) {
    this.#options = options;
    this.#started = StartedFile.open(options.startedPath);
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const callback = (length: number): boolean => {
      this.#receive(buffer, length);
      return true;
    };
    this.#socket = connect({ path: options.path, onread: { buffer, callback } });
    this.#batch = new FrameBatch(this.#socket);
    this.#batch.onRoom = () => this.#linkHasRoom();
    this.#decoder = new FrameDecoder(maxReasonBytes, this);
    this.#deadline = setTimeout(() => this.#fail(`no welcome within ${options.welcomeMs} ms`), options.welcomeMs);
    this.#socket.on('connect', () => this.#greet());
    this.#socket.on('error', (error) => {
      if (this.state === 'connecting') options.log.error(`no link to an edge: ${error.message}`);
    });
    this.#socket.on('close', () => this.#onClose());
  }

  get inFlight(): number {
    return this.#requests.size;
  }

  /** Asks the edge for no more requests; it closes the link when the last one has ended. */
  drain(): void {
    if (this.state === 'connecting' || this.state === 'greeting') {
      this.#socket.destroy();
    } else if (this.state === 'open') {
      this.state = 'draining';
      this.#batch.begin(frameType.draining, false, 0, 0);
    }
  }

  /** Each in its turn: who has had room goes behind the others. */
  #linkHasRoom(): void {
    for (const [id, request] of [...this.#requests]) {
      if (!this.#batch.hasRoom) return;
      this.#requests.delete(id);
      this.#requests.set(id, request);
      request.exchange.windowOpened();
    }
  }

  requestEnded(id: number): void {
    this.#requests.delete(id);
  }

  receiveFrame(type: number, end: boolean, id: number, bytes: Buffer, start: number, stop: number): string | null {
    if (type === frameType.fault) {
      this.#options.onFault(bytes.toString('latin1', start, stop));
      return null;
    }
    if (type === frameType.welcome) return this.#receiveWelcome(id, bytes, start, stop);
    if (this.#context === null) return `frame of type ${type} before the welcome`;
    if (type === frameType.request) return this.#receiveRequest(this.#context, end, id, bytes, start, stop);
    const request = this.#requests.get(id);
    if (request === undefined) {
      // What the edge sent before it read our last frame about this request.
      if (this.#lastId === null || isAfter(id, this.#lastId)) return `frame for request ${id}, which never came`;
      return null;
    }
    switch (type) {
      case frameType.content:
        if (stop > start && !request.exchange.receiveContent(bytes.subarray(start, stop))) {
          return 'more content than granted';
        }
        if (end) request.exchange.receiveContentEnd();
        return null;
      case frameType.credit:
        if (stop - start !== 4) return `credit of ${stop - start} bytes`;
        return request.receiveCredit(bytes.readUInt32LE(start)) ? null : 'credit for content that was not sent';
      case frameType.abort:
        request.cancel();
        return null;
      default:
        return `frame of type ${type} from an edge`;
    }
  }

  #receive(bytes: Buffer, length: number): void {
    const fault = this.#decoder.receive(bytes, length);
    if (fault !== null) this.#fail(fault);
    else if (this.#pending.length > 0 && !this.#isScheduled) this.#runPending();
  }

  #greet(): void {
    this.state = 'greeting';
    const at = this.#batch.begin(frameType.hello, false, 0, helloBytes);
    writeHello(this.#batch.bytes, at, process.pid, Buffer.from(this.#options.token, 'hex'));
  }

  /** The first one opens the link; a later one says what holds for the requests behind it. */
  #receiveWelcome(id: number, bytes: Buffer, start: number, stop: number): string | null {
    if (id !== 0) return `welcome for request ${id}`;
    const welcome = readWelcome(bytes, start, stop);
    if (typeof welcome === 'string') return welcome;
    this.#context = { ...(this.#context ?? this.#firstContext()), ...appWindows(welcome) };
    this.#decoder.maxPayloadBytes = welcome.maxPayloadBytes;
    if (this.state === 'greeting') this.state = 'open';
    clearTimeout(this.#deadline);
    return null;
  }

  #firstContext(): Pick<AppContext, 'app' | 'appName' | 'requestHooks' | 'log' | 'decoder'> {
    const { app, appName, requestHooks = null, log } = this.#options;
    return { app, appName, requestHooks, log, decoder: new EnvironDecoder(environConstants(true)) };
  }

  #receiveRequest(
    context: AppContext,
    end: boolean,
    id: number,
    bytes: Buffer,
    start: number,
    stop: number,
  ): string | null {
    if (this.#lastId !== null && !isAfter(id, this.#lastId)) return `request ${id} after ${this.#lastId}`;
    this.#lastId = id;
    const environ = context.decoder.decode(bytes, start, stop);
    if (environ === null) return 'malformed environ';
    const request = new WorkerRequest(id, environ, !end, context, this.#batch, this);
    this.#requests.set(id, request);
    this.#pending.push(request);
    return null;
  }

  /**
   * All frames at hand are read before the first application call: a request that is aborted already does not run. What
   * applications have answered goes out before they are called again for longer than a slice, also what they answer in
   * promises, which needs a turn of the event loop.
   */
  readonly #runPending = (): void => {
    this.#isScheduled = false;
    this.#batch.flush();
    const pending = this.#pending;
    const since = performance.now();
    let before = since;
    let next = 0;
    while (next < pending.length && this.state !== 'closed' && !this.#socket.destroyed) {
      const request = pending[next++];
      if (request !== undefined && !request.isOver) this.#run(request);
      const now = performance.now();
      if (now - before > maxSliceMs) this.#cautiousCalls = cautiousCalls;
      before = now;
      if (next < pending.length && (this.#cautiousCalls > 0 || now - since > maxSliceMs)) {
        this.#cautiousCalls = Math.max(0, this.#cautiousCalls - 1);
        this.#isScheduled = true;
        setImmediate(this.#runPending);
        break;
      }
    }
    this.#pending = next === pending.length ? [] : pending.slice(next);
  };

  #run(request: WorkerRequest): void {
    try {
      this.#started.publish(request.id);
    } catch (error) {
      // Without the mark the edge could run it a second time elsewhere: better here not at all.
      this.#fail(`cannot mark requests as begun: ${String(error)}`);
      return;
    }
    this.#options.onBegin();
    request.exchange.run();
  }

  /** The edge breaks the protocol, or we can: no request of this link begins any more. */
  #fail(fault: string): void {
    if (this.state === 'closed') return;
    this.#options.log.error(`the link to an edge is broken: ${fault}`);
    this.#decoder.stop();
    this.#pending = [];
    this.#socket.destroy();
  }

  #onClose(): void {
    this.state = 'closed';
    clearTimeout(this.#deadline);
    this.#decoder.stop();
    this.#pending = [];
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of requests) request.cancel();
    this.#started.close();
    this.#options.onClosed();
  }
}

function appWindows({ contentWindowBytes, responseWindowBytes, maxPayloadBytes }: Welcome) {
  return { contentWindowBytes, responseWindowBytes, maxHeadBytes: maxPayloadBytes - maxPieceBytes - 4 };
}
