import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { Listener } from '../../src/accept/listener.ts';
import { Admission } from '../../src/admit/admission.ts';
import { BlockedClients } from '../../src/admit/blocked-clients.ts';
import type { Clock } from '../../src/admit/clock.ts';
import { Offences } from '../../src/admit/offences.ts';
import type { Take } from '../../src/admit/token-requests.ts';
import { Arrival } from '../../src/connection/arrival.ts';
import { Deadlines, type Repeat, TICK_MS } from '../../src/connection/deadlines.ts';
import type { Edge } from '../../src/connection/edge-context.ts';
import { MemoryBudget } from '../../src/connection/memory-budget.ts';
import { Observations } from '../../src/connection/observations.ts';
import { RequestIds } from '../../src/connection/request-id.ts';
import type { AccessLogger, RequestMeter } from '../../src/connection/request-record.ts';
import { SendQueues } from '../../src/connection/send-queues.ts';
import { Spool } from '../../src/connection/spool.ts';
import { ResponseHead } from '../../src/http1/response-head.ts';
import { Inspection } from '../../src/inspect/inspect.ts';
import { bindListeners } from '../../src/master/listeners.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import type { Rejection } from '../../src/rejection/rejection.ts';
import type { Log } from '../../src/telemetry/error-log.ts';
import type { Recorder } from '../../src/telemetry/recorder.ts';
import type { DispatchedRequest, Dispatcher, RequestPhase, ResponseSink } from '../../src/upstream/dispatch.ts';
import { EnvironEncoder } from '../../src/upstream/environ.ts';
import { type Mount, mountAt } from '../../src/upstream/mount.ts';
import { within } from '../support/deadline.ts';
import { context } from '../support/parser-events.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';

/** A request as the dispatcher has it: what arrived, and what the test lets happen to it. */
export class HeldRequest implements DispatchedRequest {
  readonly environ: Readonly<Record<string, string>>;
  readonly hasContent: boolean;
  isAborted = false;
  contentHasEnded: boolean;
  acknowledged = 0;
  phase: RequestPhase = 'begun';
  readonly #sink: ResponseSink;
  readonly #content: Buffer[] = [];

  constructor(environ: Uint8Array, hasContent: boolean, sink: ResponseSink) {
    const texts = Buffer.from(environ).toString('latin1').split('\0');
    this.environ = Object.fromEntries(
      texts.flatMap((key, index) => (index % 2 === 0 && key !== '' ? [[key, texts[index + 1] ?? '']] : [])),
    );
    this.hasContent = hasContent;
    this.contentHasEnded = !hasContent;
    this.#sink = sink;
  }

  get path(): string {
    return this.environ['PATH_INFO'] ?? '';
  }

  get subject(): string {
    return `${this.environ['REQUEST_METHOD']} ${this.path}`;
  }

  get content(): string {
    return Buffer.concat(this.#content).toString('latin1');
  }

  // What the connection says.

  sendContent(bytes: Uint8Array): void {
    assert.ok(!this.isAborted && !this.contentHasEnded, 'content after the end');
    this.#content.push(Buffer.from(bytes));
  }

  endContent(): void {
    assert.ok(!this.isAborted && !this.contentHasEnded, 'a second end');
    this.contentHasEnded = true;
  }

  abort(): void {
    this.isAborted = true;
  }

  acknowledge(bytes: number): void {
    assert.ok(!this.isAborted, 'acknowledged after the end');
    this.acknowledged += bytes;
  }

  // What the test says.

  start(): this {
    this.#sink.dispatched(4711);
    return this;
  }

  /** `head` as it travels: NUL behind the status and behind each name and value. */
  respond(head: string, content: string | Buffer = '', end = true): void {
    const headBytes = Buffer.from(head, 'latin1');
    const bytes = Buffer.concat([headBytes, Buffer.from(content as string, 'latin1')]);
    this.#sink.respond(bytes, 0, headBytes.length, bytes.length, end);
  }

  respondContent(content: string | Buffer, end = false): void {
    this.#sink.respondContent(Buffer.from(content as string, 'latin1'), end);
  }

  grant(bytes: number): void {
    this.#sink.grantContent(bytes);
  }

  fail(rejection: Rejection): void {
    this.#sink.fail(rejection);
  }
}

/** The shipped policy, but that the dispatcher sees content as it comes: most tests are about what happens meanwhile. */
const shipped = loadPolicy(null);
const streaming: Policy = { ...shipped, request: { ...shipped.request, delivery: 'stream' } };

/**
 * An edge in this process: real sockets, parser, checks and connections; a clock that only the test moves; and a
 * dispatcher that keeps its requests until the test answers them.
 */
export class TestEdge implements Dispatcher {
  readonly requests: HeldRequest[] = [];
  readonly lines: string[] = [];
  readonly edge: Edge;
  readonly listener: Listener;
  port = 0;
  /** Runs within `dispatch`: for answers that come before it returns. */
  onDispatch: (request: HeldRequest) => void = () => {};
  /** What the master grants of tokens. */
  onTake: (limit: string, key: string, tokens: number) => readonly [granted: number, retryMs: number] = (
    _,
    __,
    tokens,
  ) => [tokens, 0];
  readonly #clients: RawClient[] = [];
  #now = 0;
  #tick: (() => void) | undefined;
  #close: () => void = () => {};

  /** `dispatcher` takes its place where a test wants the real one. */
  constructor(
    change: (policy: Policy) => Policy,
    {
      dispatcher = this,
      mount = mountAt(''),
      accessLog = null,
      meter = null,
      recorder = null,
      spool = new Spool(tmpdir()),
      sendQueues = new SendQueues(async function* () {}),
    }: {
      readonly dispatcher?: Dispatcher;
      readonly mount?: Mount;
      readonly accessLog?: AccessLogger | null;
      readonly meter?: RequestMeter | null;
      readonly recorder?: Recorder | null;
      readonly spool?: Spool;
      /** By default nobody can say what the kernel holds. */
      readonly sendQueues?: SendQueues;
    } = {},
  ) {
    const requestIds = new RequestIds();
    const repeat: Repeat = (_, run) => {
      this.#tick = run;
      return () => {
        this.#tick = undefined;
      };
    };
    const policy = change(streaming);
    const clock: Clock = {
      now: () => this.#now,
      after: () => () => {},
      atEndOfTurn: (run) => {
        setImmediate(run);
      },
    };
    const grantAll = (batch: number, takes: readonly Take[]): void => {
      setImmediate(() =>
        this.edge.admission.answer(
          batch,
          takes.map(([limit, key, tokens]) => this.onTake(limit, key, tokens)),
        ),
      );
    };
    this.edge = {
      policy: putInForce(policy),
      admission: new Admission({ ...policy.rateLimitStore, maxWaiting: 100 }, clock, grantAll, this.#log()),
      offences: new Offences(policy.jail, clock, () => {}),
      blocked: new BlockedClients(1000, clock),
      parsers: context,
      inspection: new Inspection(),
      mount,
      environ: new EnvironEncoder(requestIds.prefix, mount),
      responseHead: new ResponseHead(),
      dispatcher,
      deadlines: new Deadlines({ now: () => this.#now }, repeat),
      memory: new MemoryBudget(),
      spool,
      sendQueues,
      log: this.#log(),
      observations: new Observations(),
      accessLog,
      meter,
      recorder,
      dateLine: () => Buffer.from('Date: now\r\n'),
      requestIds,
    };
    this.listener = new Listener(this.edge, () => {});
  }

  async listen(): Promise<this> {
    const [bound] = await bindListeners([{ kind: 'tcp', host: '127.0.0.1', port: 0 }]);
    assert.ok(bound !== undefined);
    this.port = Number(bound.serverPort);
    this.#close = bound.close;
    await this.listener.listen({ descriptor: bound.descriptor, arrival: new Arrival('test', '80') }, 100);
    return this;
  }

  dispatch(environ: Uint8Array, hasContent: boolean, sink: ResponseSink): DispatchedRequest {
    const request = new HeldRequest(environ, hasContent, sink);
    this.requests.push(request);
    this.onDispatch(request);
    return request;
  }

  hasWorkers = true;

  get inFlight(): number {
    return this.requests.length;
  }

  /** A client that sends these bytes. */
  async client(
    bytes: string | Uint8Array = '',
    options: { readonly allowHalfOpen?: boolean; readonly localAddress?: string } = {},
  ): Promise<RawClient> {
    const before = this.listener.connectionCount;
    const client = await connectRaw(this.port, options);
    this.#clients.push(client);
    if (bytes.length > 0) client.send(bytes);
    // Connected is not accepted yet.
    await this.until(() => this.listener.connectionCount !== before || client.socket.destroyed, 'not accepted');
    return client;
  }

  /** The request with this index, once it is dispatched. */
  async request(index = 0): Promise<HeldRequest> {
    await this.until(() => this.requests.length > index, `request ${index} did not come`);
    const request = this.requests[index];
    assert.ok(request !== undefined);
    return request;
  }

  /** Lets time pass without any byte moving. */
  pass(milliseconds: number): void {
    for (let passed = 0; passed < milliseconds; passed += TICK_MS) {
      this.#now += TICK_MS;
      this.#tick?.();
    }
  }

  /** Turns the event loop until this holds. */
  async until(holds: () => boolean, what: string): Promise<void> {
    const turning = (async () => {
      while (!holds()) await new Promise((resolve) => setImmediate(resolve));
    })();
    await within(30_000, turning, () => `${what}; log: ${this.lines.join(' | ')}`);
  }

  async stop(): Promise<void> {
    // A mere end of their side would leave the server to answer what it has begun.
    for (const { socket } of this.#clients) {
      // Where its end is on its way already, Node can neither reset it nor would it close it after that.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
    this.#close();
    await within(30_000, this.listener.drain(), () => `${this.listener.connectionCount} connections stay open`);
  }

  #log(): Log {
    const write = (text: string, stack?: string): void => {
      this.lines.push(stack === undefined ? text : `${text}\n${stack}`);
    };
    return {
      debug: write,
      info: write,
      warning: write,
      error: write,
      critical: write,
      limited: (_, text) => write(text),
    };
  }
}
