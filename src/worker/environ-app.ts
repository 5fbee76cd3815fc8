import { inspect } from 'node:util';
import { ReceiveWindow } from '../link/credit-window.ts';
import type { Log } from '../telemetry/error-log.ts';
import { closeAnswer, isAsyncIterable, isThenable, iteratorOf, kindOf, pieceBytes } from './answer.ts';
import type { Environ, EnvironApp, Write } from './app-interface.ts';
import type { EnvironDecoder } from './decode-environ.ts';
import { ErrorStream } from './error-stream.ts';
import { RequestContent } from './request-content.ts';
import type { HookRequest, RequestHooks } from './request-hooks.ts';
import { type ResponseChannel, ResponseOutput } from './response-output.ts';
import { encodeResponseHead } from './start-response.ts';

/** What all requests to one application over one link share. */
export type AppContext = {
  readonly app: EnvironApp;
  /** For log lines. */
  readonly appName: string;
  /** Null: nobody wants to hear of requests. */
  readonly requestHooks: RequestHooks | null;
  readonly log: Log;
  /** Adds `environConstants`. */
  readonly decoder: EnvironDecoder;
  readonly contentWindowBytes: number;
  readonly responseWindowBytes: number;
  readonly maxHeadBytes: number;
};

/** What is the same in all environs of a process. */
export function environConstants(multiprocess: boolean): Readonly<Record<string, unknown>> {
  return {
    'wsgi.version': Object.freeze([1, 0]),
    'wsgi.input': null,
    'wsgi.errors': null,
    'wsgi.multithread': false,
    'wsgi.multiprocess': multiprocess,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'portcullis.tls': null,
  };
}

const errorText = 'Internal Server Error\n';
const errorHead = '500 Internal Server Error\0Content-Type\0text/plain; charset=utf-8\0';

/**
 * One request to an environ application, from the call to the end of its response. An application that answers at once
 * with an array costs no promise. Nothing that the application does throws out of here.
 */
export class EnvironExchange {
  readonly #context: AppContext;
  readonly #channel: ResponseChannel;
  readonly #output: ResponseOutput;
  readonly #input: RequestContent;
  readonly #errors: ErrorStream;
  readonly #contentWindow: ReceiveWindow | null;
  readonly #environ: Environ;
  /** `finishing`: the application has said all, and some of it waits for the window. */
  #state: 'running' | 'finishing' | 'over' = 'running';
  readonly #isHead: boolean;
  readonly #requestId: unknown;
  /** Between `pre_request` and `post_request`. */
  #hookRequest: HookRequest | null = null;
  #hasFailed = false;
  /** What the application answered, where it has to be told of the end. */
  #result: unknown = undefined;
  #pieces: readonly unknown[] | null = null;
  #nextPiece = 0;
  /** Set until it is exhausted. */
  #iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null;
  #isStepping = false;
  /** Goes on once nothing waits for the window. */
  #resume: (() => void) | null = null;
  #writeWaiters: (() => void)[] | null = null;

  /** `environ` comes from the decoder. */
  constructor(context: AppContext, channel: ResponseChannel, environ: Record<string, unknown>, hasContent: boolean) {
    this.#context = context;
    this.#channel = channel;
    this.#output = new ResponseOutput(channel);
    this.#input = new RequestContent(hasContent, this);
    this.#errors = new ErrorStream(context.log, this);
    this.#contentWindow = hasContent ? new ReceiveWindow(context.contentWindowBytes) : null;
    this.#isHead = environ['REQUEST_METHOD'] === 'HEAD';
    this.#requestId = environ['portcullis.request_id'];
    environ['wsgi.input'] = this.#input;
    environ['wsgi.errors'] = this.#errors;
    this.#environ = environ as Environ;
  }

  /** For log lines. */
  get subject(): string {
    return `${this.#context.appName}: request ${this.#requestId}`;
  }

  /** Calls the application. */
  run(): void {
    const { app, requestHooks } = this.#context;
    if (requestHooks !== null) this.#hookRequest = requestHooks.begin(this.#environ);
    try {
      const result = app(this.#environ, (status, headers, excInfo) => this.#startResponse(status, headers, excInfo));
      if (Array.isArray(result) || !isThenable(result)) this.#take(result);
      else this.#await(result);
    } catch (error) {
      this.#fail('the application threw', stackOf(error));
    }
  }

  /** Content of the request; false: more than was granted. */
  receiveContent(bytes: Uint8Array): boolean {
    if (this.#contentWindow === null || !this.#contentWindow.receive(bytes.length)) return false;
    try {
      this.#input.receive(bytes);
    } catch (error) {
      this.#fail('a listener of wsgi.input threw', stackOf(error));
    }
    return true;
  }

  receiveContentEnd(): void {
    this.#input.receiveEnd();
  }

  contentConsumed(bytes: number): void {
    const grant = this.#contentWindow?.consume(bytes) ?? 0;
    if (grant > 0 && this.#state === 'running') this.#channel.grantContent(grant);
  }

  /** The receiver takes more content. */
  windowOpened(): void {
    if (this.#state === 'over' || this.#output.waitingBytes === 0 || !this.#output.flush()) return;
    this.#wakeWriters();
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  /** The client is gone, or was refused: nothing is sent any more, and the application is told where it can be. */
  cancel(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#input.destroy(new Error('the client is gone'));
    this.#close();
  }

  #startResponse(status: unknown, headers: unknown, excInfo: unknown): Write {
    const output = this.#output;
    if (this.#state !== 'running') throw new Error('startResponse: the response is over');
    if (excInfo !== undefined && excInfo !== null) {
      if (output.isHeadSent) throw excInfo;
    } else if (output.head !== null) {
      throw new Error('startResponse was called twice; a second call needs excInfo');
    }
    output.head = encodeResponseHead(status, headers, this.#context.maxHeadBytes);
    return (content) => this.#write(content);
  }

  #write(content: string | Uint8Array): Promise<void> | undefined {
    const bytes = pieceBytes(content);
    if (bytes === -1) throw new TypeError(`write: content must be a string or bytes, not ${kindOf(content)}`);
    if (this.#state !== 'running') throw new Error('write: the response is over');
    const mayWait = bytes > this.#channel.window || this.#output.waitingBytes > 0;
    // What waits is read after this returns, and by then the application may use its buffer for something else.
    const kept = mayWait && typeof content !== 'string' ? Uint8Array.from(content) : content;
    if (bytes === 0 || this.#accept(kept, bytes)) return undefined;
    if (this.#output.waitingBytes > this.#context.responseWindowBytes) {
      throw new Error(`write: ${this.#output.waitingBytes} bytes wait for the client; await what write returns`);
    }
    return new Promise((resolve) => {
      this.#writeWaiters ??= [];
      this.#writeWaiters.push(resolve);
    });
  }

  #await(result: PromiseLike<unknown>): void {
    Promise.resolve(result).then(
      (value) => this.#take(value),
      (error) => this.#fail('the application rejected', stackOf(error)),
    );
  }

  #take(result: unknown): void {
    if (this.#state === 'running' && Array.isArray(result)) {
      this.#pieces = result;
      return this.#pumpPieces();
    }
    this.#result = result;
    if (this.#state === 'over') this.#close();
    if (this.#state !== 'running') return;
    if (typeof result === 'string' || result instanceof Uint8Array) {
      this.#pieces = [result];
      return this.#pumpPieces();
    }
    try {
      this.#iterator = iteratorOf(result);
    } catch (error) {
      return this.#fail('the answer cannot be iterated', stackOf(error));
    }
    if (this.#iterator === null) this.#fail(`the application returned ${kindOf(result)}, no iterable`);
    else if (isAsyncIterable(result)) void this.#pumpAsync(this.#iterator as AsyncIterator<unknown>);
    else this.#pump();
  }

  #pumpPieces(): void {
    const pieces = this.#pieces ?? [];
    while (this.#state === 'running' && this.#nextPiece < pieces.length) {
      const piece = pieces[this.#nextPiece++];
      const bytes = this.#checkPiece(piece);
      if (bytes === -1) return;
      const isLast = this.#nextPiece === pieces.length;
      if (isLast && bytes > 0 && this.#endWith(piece as string | Uint8Array, bytes)) return;
      if (bytes > 0 && !this.#accept(piece as string | Uint8Array, bytes))
        return this.#waitFor(() => this.#pumpPieces());
    }
    this.#finish();
  }

  #pump(): void {
    const iterator = this.#iterator as Iterator<unknown>;
    while (this.#state === 'running') {
      const step = this.#step(iterator);
      if (step === null) return;
      if (step.done === true) return this.#finish();
      const bytes = this.#checkPiece(step.value);
      if (bytes === -1) return;
      if (bytes > 0 && !this.#accept(step.value as string | Uint8Array, bytes))
        return this.#waitFor(() => this.#pump());
    }
  }

  #step(iterator: Iterator<unknown>): IteratorResult<unknown> | null {
    let step: IteratorResult<unknown>;
    this.#isStepping = true;
    try {
      step = iterator.next();
    } catch (error) {
      this.#isStepping = false;
      this.#iterator = null;
      this.#fail('the application threw', stackOf(error));
      // Where the request was over before, the answer has not been told yet.
      this.#close();
      return null;
    }
    this.#isStepping = false;
    if (step.done === true) this.#iterator = null;
    if (this.#state === 'running') return step;
    if (this.#state === 'over') this.#close();
    return null;
  }

  async #pumpAsync(iterator: AsyncIterator<unknown>): Promise<void> {
    try {
      while (this.#state === 'running') {
        const step = await iterator.next();
        if (step.done === true) this.#iterator = null;
        if (this.#state !== 'running') return;
        if (step.done === true) return this.#finish();
        const bytes = this.#checkPiece(step.value);
        if (bytes > 0 && !this.#accept(step.value as string | Uint8Array, bytes)) {
          await new Promise<void>((resolve) => this.#waitFor(resolve));
        }
      }
    } catch (error) {
      this.#iterator = null;
      this.#fail('the application threw', stackOf(error));
    }
  }

  #waitFor(resume: () => void): void {
    if (this.#state === 'running') this.#resume = resume;
    else resume();
  }

  /** The size of a piece that can be sent now, or -1 after the failure of the request. */
  #checkPiece(piece: unknown): number {
    const bytes = pieceBytes(piece);
    if (bytes === -1) this.#fail(`a piece of the answer must be a string or bytes, not ${kindOf(piece)}`);
    else if (bytes > 0 && this.#output.head === null) this.#fail('content came before startResponse was called');
    else return bytes;
    return -1;
  }

  /** Whether the application may go on at once. */
  #accept(piece: string | Uint8Array, bytes: number): boolean {
    const output = this.#output;
    if (this.#hasNoContent()) {
      output.drop(bytes);
      if (output.acceptedBytes > this.#context.responseWindowBytes) this.#finish();
      return true;
    }
    const isGone = output.put(piece, bytes, false);
    if (!output.hasExcess) return isGone;
    this.#log(`the answer is longer than its Content-Length of ${output.head?.contentLength}; the rest is not sent`);
    this.#finish();
    return true;
  }

  /** The fast way out: a last piece that is whole and goes at once takes the end with it. */
  #endWith(piece: string | Uint8Array, bytes: number): boolean {
    const output = this.#output;
    const { head } = output;
    if (head === null || this.#hasNoContent() || bytes > this.#channel.window || output.waitingBytes > 0) return false;
    if (head.contentLength !== null && head.contentLength !== output.acceptedBytes + bytes) return false;
    this.#state = 'over';
    output.put(piece, bytes, true);
    this.#close();
    return true;
  }

  #finish(): void {
    if (this.#state === 'over') return;
    const output = this.#output;
    if (output.waitingBytes > 0) {
      this.#state = 'finishing';
      this.#resume = () => this.#finish();
      return;
    }
    if (output.head === null) return this.#fail('the application ended without calling startResponse');
    const missing = this.#hasNoContent() ? 0 : output.missingBytes(0);
    if (missing > 0) return this.#fail(`the answer ended ${missing} bytes short of its Content-Length`);
    this.#state = 'over';
    output.end();
    this.#close();
  }

  #fail(what: string, stack?: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#hasFailed = true;
    this.#log(what, stack);
    const output = this.#output;
    output.discard();
    const text = this.#isHead || this.#channel.window < errorText.length ? '' : errorText;
    if (output.isHeadSent) this.#channel.cut('the application failed');
    else this.#channel.respond(errorHead, text, text.length, true);
    this.#close();
  }

  #log(what: string, stack?: string): void {
    this.#context.log.error(`${this.subject}: ${what}`, stack);
  }

  #hasNoContent(): boolean {
    return this.#isHead || this.#output.head?.isBodyless === true;
  }

  #wakeWriters(): void {
    const waiters = this.#writeWaiters;
    this.#writeWaiters = null;
    if (waiters !== null) for (const wake of waiters) wake();
  }

  /** Once, while the output still knows what was sent. */
  #tellHooks(request: HookRequest): void {
    this.#hookRequest = null;
    const { head, isHeadSent } = this.#output;
    const said = head === null ? null : Number(head.encoded.slice(0, 3));
    this.#context.requestHooks?.end(request, this.#environ, this.#hasFailed && !isHeadSent ? 500 : said);
  }

  /** The exchange is over: releases all that waits, and tells the answer so, once. */
  #close(): void {
    if (this.#hookRequest !== null) this.#tellHooks(this.#hookRequest);
    this.#output.discard();
    this.#input.finish();
    this.#errors.flush();
    this.#wakeWriters();
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
    if (this.#isStepping) return;
    const result = this.#result;
    if (result === undefined) return;
    const unfinished = this.#iterator;
    this.#iterator = null;
    this.#result = undefined;
    closeAnswer(result, unfinished, (error) => this.#log('closing the answer failed', stackOf(error)));
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error && typeof error.stack === 'string' ? error.stack : inspect(error);
}
