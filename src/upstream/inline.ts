import { ReceiveWindow, SendWindow } from '../link/credit-window.ts';
import { reject } from '../rejection/rejection.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { EnvironApp } from '../worker/app-interface.ts';
import { EnvironDecoder } from '../worker/decode-environ.ts';
import { type AppContext, EnvironExchange, environConstants } from '../worker/environ-app.ts';
import type { RequestHooks } from '../worker/request-hooks.ts';
import type { ResponseChannel } from '../worker/response-output.ts';
import type { DispatchBounds, DispatchedRequest, Dispatcher, RequestPhase, ResponseSink } from './dispatch.ts';
import { subjectText } from './request-subject.ts';

export type InlineDispatcherOptions = InlineBounds & {
  readonly app: EnvironApp;
  /** For log lines. */
  readonly appName: string;
  readonly requestHooks?: RequestHooks | null;
  readonly log: Log;
  /** Other edges run the same application. */
  readonly multiprocess: boolean;
};

/** There is no queue, and nobody says hello. */
export type InlineBounds = Pick<DispatchBounds, 'contentWindowBytes' | 'responseWindowBytes' | 'maxResponseHeadBytes'>;

const scratchBytes = 64 * 1024;
const keptScratchBytes = 256 * 1024;

/**
 * Runs the application inside the edge: no frames, no second process, and nothing between the application and the server
 * if it blocks or breaks.
 */
export class InlineDispatcher implements Dispatcher {
  inFlight = 0;
  readonly hasWorkers = true;
  readonly #scratch = new Scratch();
  #context: AppContext;

  constructor(options: InlineDispatcherOptions) {
    const { app, appName, requestHooks = null, log, multiprocess } = options;
    const decoder = new EnvironDecoder(environConstants(multiprocess));
    this.#context = { app, appName, requestHooks, log, decoder, ...appWindows(options) };
  }

  /** Holds for the requests dispatched from now on. */
  adopt(bounds: InlineBounds): void {
    this.#context = { ...this.#context, ...appWindows(bounds) };
  }

  /** The application is called before this returns, and may answer. */
  dispatch(environ: Uint8Array, hasContent: boolean, sink: ResponseSink): DispatchedRequest {
    const block = Buffer.isBuffer(environ) ? environ : Buffer.from(environ.buffer, environ.byteOffset, environ.length);
    const decoded = this.#context.decoder.decode(block, 0, block.length);
    if (decoded === null) throw new Error('malformed environ');
    const request = new InlineRequest(this.#context, decoded, hasContent, sink, this.#scratch, this);
    request.run();
    return request;
  }
}

function appWindows({ contentWindowBytes, responseWindowBytes, maxResponseHeadBytes }: InlineBounds) {
  return { contentWindowBytes, responseWindowBytes, maxHeadBytes: maxResponseHeadBytes };
}

class InlineRequest implements DispatchedRequest, ResponseChannel {
  readonly #sink: ResponseSink;
  readonly #exchange: EnvironExchange;
  readonly #environ: Record<string, unknown>;
  readonly #scratch: Scratch;
  readonly #dispatcher: { inFlight: number };
  readonly #sendWindow: SendWindow;
  readonly #receiveWindow: ReceiveWindow;
  #isOver = false;

  constructor(
    context: AppContext,
    environ: Record<string, unknown>,
    hasContent: boolean,
    sink: ResponseSink,
    scratch: Scratch,
    dispatcher: { inFlight: number },
  ) {
    this.#sink = sink;
    this.#scratch = scratch;
    this.#dispatcher = dispatcher;
    this.#sendWindow = new SendWindow(context.responseWindowBytes);
    this.#receiveWindow = new ReceiveWindow(context.responseWindowBytes);
    this.#environ = environ;
    this.#exchange = new EnvironExchange(context, this, environ, hasContent);
    dispatcher.inFlight++;
  }

  run(): void {
    this.#sink.dispatched(process.pid);
    if (!this.#isOver) this.#exchange.run();
  }

  // What the connection says.

  sendContent(bytes: Uint8Array): void {
    if (this.#isOver || bytes.length === 0) return;
    if (!this.#exchange.receiveContent(bytes)) throw new Error(`${bytes.length} bytes of content are not granted`);
  }

  endContent(): void {
    if (!this.#isOver) this.#exchange.receiveContentEnd();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#end();
    this.#exchange.cancel();
  }

  acknowledge(bytes: number): void {
    if (this.#isOver) return;
    const grant = this.#receiveWindow.consume(bytes);
    if (grant > 0 && this.#sendWindow.grant(grant)) this.#exchange.windowOpened();
  }

  get phase(): RequestPhase {
    return this.#isOver ? 'over' : 'begun';
  }

  get subject(): string {
    return subjectText(String(this.#environ['REQUEST_METHOD']), String(this.#environ['RAW_URI']));
  }

  // What the application says.

  get window(): number {
    return this.#sendWindow.available;
  }

  respond(head: string, content: string | Uint8Array, contentBytes: number, end: boolean): void {
    if (!this.#take(contentBytes, end)) return;
    const scratch = this.#scratch;
    const start = scratch.reserve(head.length + contentBytes);
    const { bytes } = scratch;
    const headEnd = start + head.length;
    bytes.write(head, start, 'latin1');
    if (typeof content === 'string') bytes.write(content, headEnd, 'utf8');
    else bytes.set(content, headEnd);
    try {
      this.#sink.respond(bytes, start, headEnd, headEnd + contentBytes, end);
    } finally {
      scratch.release(start);
    }
  }

  respondContent(content: string | Uint8Array, contentBytes: number, end: boolean): void {
    if (!this.#take(contentBytes, end)) return;
    const scratch = this.#scratch;
    const start = scratch.reserve(typeof content === 'string' ? contentBytes : 0);
    try {
      this.#sink.respondContent(scratch.view(content, start, contentBytes), end);
    } finally {
      scratch.release(start);
    }
  }

  cut(reason: string): void {
    if (this.#isOver) return;
    this.#end();
    this.#sink.fail(reject('worker.failed', reason));
  }

  grantContent(bytes: number): void {
    if (!this.#isOver) this.#sink.grantContent(bytes);
  }

  /** False after an abort of the connection: its sink hears nothing more. */
  #take(contentBytes: number, end: boolean): boolean {
    if (this.#isOver) return false;
    this.#sendWindow.available -= contentBytes;
    this.#receiveWindow.receive(contentBytes);
    if (end) this.#end();
    return true;
  }

  #end(): void {
    this.#isOver = true;
    this.#dispatcher.inFlight--;
  }
}

/**
 * Memory for what the sink reads during a call. Calls nest: the end of one response may begin the next request, whose
 * response is then written behind what the outer call still shows.
 */
class Scratch {
  bytes: Buffer = Buffer.allocUnsafeSlow(scratchBytes);
  #used = 0;

  /** Answers where in `bytes` there is room; until `release` of the same. */
  reserve(length: number): number {
    if (this.#used + length > this.bytes.length) {
      this.bytes = Buffer.allocUnsafeSlow(Math.max(scratchBytes, length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return start;
  }

  release(start: number): void {
    this.#used = start;
    if (start === 0 && this.bytes.length > keptScratchBytes) this.bytes = Buffer.allocUnsafeSlow(scratchBytes);
  }

  /** A string is written at `start`, bytes stay where they are. */
  view(content: string | Uint8Array, start: number, contentBytes: number): Uint8Array {
    if (typeof content !== 'string') return content;
    this.bytes.write(content, start, 'utf8');
    return this.bytes.subarray(start, start + contentBytes);
  }
}
