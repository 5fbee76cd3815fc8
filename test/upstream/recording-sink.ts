import assert from 'node:assert/strict';
import type { Rejection } from '../../src/rejection/rejection.ts';
import type { DispatchedRequest, Dispatcher, ResponseSink } from '../../src/upstream/dispatch.ts';
import { Changes } from '../support/changes.ts';

export type Outcome = 'complete' | Rejection['rule'];

/** A connection that keeps what it is told, and holds the dispatcher to the order of its calls. */
export class RecordingSink implements ResponseSink {
  readonly requestId: string;
  readonly ageMs = 0;
  /** The client takes all content at once; false: the test says `acknowledge`. */
  readonly isFast: boolean;
  request: DispatchedRequest | null = null;
  status: string | null = null;
  fields: (readonly [string, string])[] = [];
  contentBytes = 0;
  dispatches = 0;
  workerPid = 0;
  granted = 0;
  outcome: Outcome | null = null;
  detail = '';
  /** Calls that the contract does not allow. */
  readonly violations: string[] = [];
  /** Runs on each piece of content. */
  onContent: (bytes: number) => void = () => {};
  readonly #content: Buffer[] = [];
  readonly #changes = new Changes();
  readonly #keepsContent: boolean;
  #isAborted = false;
  /** Acknowledged as soon as there is somebody to tell. */
  #unacknowledged = 0;

  constructor(requestId = 'test', options: { readonly isFast?: boolean; readonly keepsContent?: boolean } = {}) {
    this.requestId = requestId;
    this.isFast = options.isFast ?? true;
    this.#keepsContent = options.keepsContent ?? true;
  }

  /** Hands itself over; all of `content` must fit the first window. */
  dispatch(dispatcher: Dispatcher, environ: Uint8Array, content?: string | Uint8Array | null): this {
    this.request = dispatcher.dispatch(environ, content !== undefined, this);
    if (this.#unacknowledged > 0) this.request.acknowledge(this.#unacknowledged);
    this.#unacknowledged = 0;
    if (content !== undefined && content !== null) {
      this.request.sendContent(typeof content === 'string' ? Buffer.from(content) : content);
      this.request.endContent();
    }
    return this;
  }

  get content(): string {
    return Buffer.concat(this.#content).toString('latin1');
  }

  abort(): void {
    this.#isAborted = true;
    this.request?.abort();
  }

  acknowledge(bytes: number): void {
    this.request?.acknowledge(bytes);
  }

  respond(bytes: Uint8Array, headStart: number, headEnd: number, contentEnd: number, end: boolean): void {
    this.#check('respond');
    if (this.status !== null) this.violations.push('a second head');
    if (this.dispatches === 0) this.violations.push('a response before dispatched');
    const [status = '', ...fields] = Buffer.from(bytes.subarray(headStart, headEnd)).toString('latin1').split('\0');
    this.status = status;
    for (let index = 0; index + 1 < fields.length; index += 2) {
      this.fields.push([fields[index] ?? '', fields[index + 1] ?? '']);
    }
    this.#take(bytes.subarray(headEnd, contentEnd), end);
  }

  respondContent(content: Uint8Array, end: boolean): void {
    this.#check('respondContent');
    if (this.status === null) this.violations.push('content before the head');
    this.#take(content, end);
  }

  grantContent(bytes: number): void {
    this.#check('grantContent');
    this.granted += bytes;
    this.#changes.happened();
  }

  dispatched(workerPid: number): void {
    this.#check('dispatched');
    this.dispatches += 1;
    this.workerPid = workerPid;
    this.#changes.happened();
  }

  takenBack(): void {
    this.#check('takenBack');
    this.dispatches -= 1;
    this.#changes.happened();
  }

  fail(rejection: Rejection): void {
    this.#check('fail');
    this.outcome = rejection.rule;
    this.detail = rejection.detail;
    this.#changes.happened();
  }

  /** How it ended. */
  async ended(): Promise<Outcome> {
    await this.until(() => this.outcome !== null, 'no end');
    assert.deepEqual(this.violations, []);
    return this.outcome ?? 'complete';
  }

  until(holds: () => boolean, what: string): Promise<void> {
    return this.#changes.until(
      holds,
      20_000,
      () => `${what}: ${this.status}, ${this.contentBytes} bytes, ${this.outcome}`,
    );
  }

  #take(content: Uint8Array, end: boolean): void {
    this.contentBytes += content.length;
    if (this.#keepsContent) this.#content.push(Buffer.from(content));
    if (end) this.outcome = 'complete';
    else if (this.isFast && this.request === null) this.#unacknowledged += content.length;
    else if (this.isFast) this.request?.acknowledge(content.length);
    this.onContent(content.length);
    this.#changes.happened();
  }

  #check(call: string): void {
    if (this.outcome !== null) this.violations.push(`${call} after the end`);
    if (this.#isAborted) this.violations.push(`${call} after the abort`);
  }
}
