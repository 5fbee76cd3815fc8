import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { endFlag, frameType, maxReasonBytes } from '../src/link/frame.ts';
import { helloBytes, tokenBytes, writeHello } from '../src/link/greeting.ts';
import { isAfter, nextRequestId } from '../src/link/request-id.ts';
import type { Rejection } from '../src/rejection/rejection.ts';
import type { Log } from '../src/telemetry/error-log.ts';
import { NodeDispatcher } from '../src/upstream/node.ts';
import type { NodeInvitation } from '../src/upstream/node-invitation.ts';
import { RecordingSink } from '../test/upstream/recording-sink.ts';
import { type Frame, frameBytes, readFrames, u32 } from './link-frames.ts';
import { Violation } from './violation.ts';

/** Small, so that short inputs reach them. */
const contentWindowBytes = 16;
const responseWindowBytes = 24;
/** What the dispatcher makes of them: `maxPayloadBytes` is at least one piece. */
const maxEnvironBytes = 64;
const maxResponseHeadBytes = 64;
const requestsPerWorker = 4;
/** Of what the edge writes, an environ and all content of a request. */
const mostPayloadBytes = 1 << 16;

const pid = 7;
const token = Buffer.alloc(tokenBytes, 't');
const hello = Buffer.alloc(helloBytes);
writeHello(hello, 0, pid, token);
export const HELLO = frameBytes(frameType.hello, 0, 0, hello);
/** `200 OK` and nothing more. */
const RESPONSE = Buffer.concat([u32(7), Buffer.from('200 OK\0')]);

/** What the client of a request does. `hasContent`: it sends ten bytes at once and as many as are granted later. */
type Behaviour = {
  readonly hasContent?: boolean;
  /** It takes nothing of the response. */
  readonly isSlow?: boolean;
  /** It is gone at the first call of this name; `at once`: before any. */
  readonly leavesAt?: 'at once' | 'respond' | 'respondContent' | 'grantContent';
  /** Our own fault, in a call of this name. */
  readonly throwsAt?: 'respond' | 'respondContent' | 'grantContent';
};
const behaviours: readonly Behaviour[] = [
  {},
  { hasContent: true, isSlow: true },
  { hasContent: true, leavesAt: 'grantContent' },
  { throwsAt: 'respondContent' },
  // From here on they wait in the queue until another one has ended.
  { leavesAt: 'respond' },
  { hasContent: true, throwsAt: 'grantContent' },
  { isSlow: true, leavesAt: 'respondContent' },
  { leavesAt: 'at once' },
  { throwsAt: 'respond' },
];

/** One for all: a stack trace costs more than the rest of a run. */
const ownFault = new Error('a sink that throws');

/** One client, held to the order of its calls, to its windows, and to silence once it is gone. */
class Client extends RecordingSink {
  readonly #behaviour: Behaviour;
  #acknowledged = 0;
  #sent = 0;
  isGone = false;
  hasThrown = false;

  constructor(index: number, behaviour: Behaviour) {
    super(`${index}`, { isFast: false });
    this.#behaviour = behaviour;
  }

  start(dispatcher: NodeDispatcher): void {
    const { hasContent = false } = this.#behaviour;
    this.dispatch(dispatcher, Buffer.from(`N\0${this.requestId}\0`), hasContent ? null : undefined);
    if (hasContent) this.#send(10);
    this.#leave('at once');
  }

  override respond(bytes: Uint8Array, headStart: number, headEnd: number, contentEnd: number, end: boolean): void {
    super.respond(bytes, headStart, headEnd, contentEnd, end);
    this.#told('respond');
  }

  override respondContent(content: Uint8Array, end: boolean): void {
    super.respondContent(content, end);
    this.#told('respondContent');
  }

  override grantContent(bytes: number): void {
    super.grantContent(bytes);
    if (this.granted > this.#sent) this.violations.push('granted more than was sent');
    this.#told('grantContent');
    if (this.isGone) return;
    // The end comes in the middle of what is granted.
    this.#send(bytes);
    if (this.granted > 20) this.request?.endContent();
  }

  override fail(rejection: Rejection): void {
    if (this.hasThrown) this.violations.push('fail after it threw');
    super.fail(rejection);
  }

  #told(call: 'respond' | 'respondContent' | 'grantContent'): void {
    if (this.hasThrown) this.violations.push(`${call} after it threw`);
    if (this.contentBytes - this.#acknowledged > responseWindowBytes) this.violations.push('more than the window');
    const taken = this.contentBytes - this.#acknowledged;
    if (taken > 0 && this.outcome === null && this.#behaviour.isSlow !== true) {
      this.#acknowledged = this.contentBytes;
      this.acknowledge(taken);
    }
    this.#leave(call);
    if (this.#behaviour.throwsAt !== call || this.hasThrown) return;
    this.hasThrown = true;
    throw ownFault;
  }

  #leave(call: Behaviour['leavesAt']): void {
    if (this.#behaviour.leavesAt !== call || this.outcome !== null || this.isGone) return;
    this.isGone = true;
    this.abort();
  }

  #send(bytes: number): void {
    this.#sent += bytes;
    this.request?.sendContent(Buffer.alloc(bytes, 'c'));
  }
}

/** The edge's end of a worker's socket. What was written is read when it leaves: until then the edge may not touch it. */
class WorkerSocket extends EventEmitter {
  destroyed = false;
  /** The edge has finished its side, and takes what still comes. */
  isFinished = false;
  readonly left: Buffer[] = [];
  readonly #isSlow: boolean;
  #waiting: { readonly bytes: Uint8Array; readonly written: () => void }[] = [];

  constructor(isSlow: boolean) {
    super();
    this.#isSlow = isSlow;
  }

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Uint8Array, written: () => void): void {
    if (this.destroyed) throw new Violation('nothing-after-the-end', 'a write to a destroyed socket');
    this.#waiting.push({ bytes, written });
    if (!this.#isSlow) this.leave();
  }

  leave(): void {
    const leaving = this.#waiting;
    this.#waiting = [];
    for (const { bytes } of leaving) this.left.push(Buffer.from(bytes));
    for (const { written } of leaving) written();
  }

  destroy(): void {
    this.leave();
    this.destroyed = true;
  }

  destroySoon(): void {
    this.isFinished = true;
  }
}

/** A link's worker as the dispatcher knows it, with the file that says what it began. */
class LinkedWorker {
  readonly socket: WorkerSocket;
  closedFiles = 0;
  readonly #turns: Turns;

  constructor(
    dispatcher: NodeDispatcher,
    turns: Turns,
    worker: number,
    firstId: number,
    startedId: number,
    isSlow: boolean,
  ) {
    this.#turns = turns;
    this.socket = new WorkerSocket(isSlow);
    const started = {
      read: () => startedId,
      close: () => {
        this.closedFiles += 1;
      },
    };
    // Both have private parts, which nothing here uses.
    const invitation = { expected: { worker, pid, token, started, firstId }, finish() {}, cancel() {} };
    dispatcher.invitationAccepted(invitation as unknown as NodeInvitation, this.socket as unknown as Socket);
    this.#turns.run();
  }

  /** One read, which is overwritten behind the edge's back as soon as it returns, and one turn of the event loop. */
  receive(piece: Uint8Array): void {
    if (this.socket.destroyed) return;
    const lent = Buffer.from(piece);
    this.socket.emit('data', lent);
    lent.fill('?');
    this.#turns.run();
    this.socket.leave();
    this.#turns.run();
  }

  end(): void {
    this.socket.destroy();
    this.socket.emit('close');
    this.#turns.run();
  }
}

/** `setImmediate` while the edge is driven: a fuzz target has no event loop. */
class Turns {
  #next: (() => void)[] = [];

  /** Puts itself in place during the call. */
  during<T>(run: () => T): T {
    const { setImmediate } = globalThis;
    globalThis.setImmediate = ((callback: () => void) => this.#next.push(callback)) as unknown as typeof setImmediate;
    try {
      return run();
    } finally {
      globalThis.setImmediate = setImmediate;
    }
  }

  run(): void {
    while (this.#next.length > 0) {
      const due = this.#next;
      this.#next = [];
      for (const callback of due) callback();
    }
  }
}

export type EdgeControl = {
  /** Which request the worker says that it began last, counted from the first. */
  readonly started: number;
  /** It says a good hello first. */
  readonly isGreeted: boolean;
  readonly isSlow: boolean;
  /** Ids wrap around after two requests. */
  readonly wraps: boolean;
};

export function firstIdOf({ wraps }: EdgeControl): number {
  return wraps ? 0xfffffffe : 1;
}

/**
 * Clients, an edge, and a worker that sends these bytes and is gone; then another worker takes what is left, or the edge
 * stops. What came of the bytes, in one text that is the same for each way to cut them.
 */
export function driveEdge(pieces: readonly Uint8Array[], control: EdgeControl, then: 'next worker' | 'stop'): string {
  const turns = new Turns();
  return turns.during(() => drive(pieces, control, then, turns));
}

function drive(
  pieces: readonly Uint8Array[],
  control: EdgeControl,
  then: 'next worker' | 'stop',
  turns: Turns,
): string {
  const gone: [number, string | null][] = [];
  const dispatcher = new NodeDispatcher({
    privateDirectory: '',
    helloMs: 0,
    contentWindowBytes,
    responseWindowBytes,
    maxEnvironBytes,
    maxResponseHeadBytes,
    requestsPerWorker,
    queueMax: behaviours.length,
    log: silent,
    onWorkerGone: (worker, fault) => gone.push([worker, fault]),
  });
  const firstId = firstIdOf(control);
  const startedId = (firstId + control.started - 1) >>> 0;
  const bad = new LinkedWorker(dispatcher, turns, 1, firstId, startedId, control.isSlow);
  if (control.isGreeted) bad.receive(HELLO);
  const clients = behaviours.map((behaviour, index) => new Client(index, behaviour));
  for (const client of clients) client.start(dispatcher);
  turns.run();
  for (const piece of pieces) bad.receive(piece);
  bad.end();
  const [first] = gone;
  if (gone.length !== 1 || first === undefined || bad.closedFiles !== 1) {
    throw new Violation('ends-once', `${gone.length} times, ${bad.closedFiles} files closed`);
  }
  const [, fault] = first;
  const written = checkWritten(bad.socket.left, fault, firstId, clients);

  const outcome = JSON.stringify([first, written.byId, dispatcher.inFlight, clients.map(summary)]);

  if (then === 'next worker') {
    const good = new LinkedWorker(dispatcher, turns, 2, 1, 0, false);
    good.receive(HELLO);
    checkMoved(answerAll(good), written, startedId, fault, Buffer.concat(pieces), clients);
    good.end();
  }
  dispatcher.close();
  if (dispatcher.inFlight !== 0) throw new Violation('ends-once', `${dispatcher.inFlight} requests are left`);
  for (const { requestId, violations, outcome, isGone, hasThrown } of clients) {
    if (violations.length > 0) throw new Violation('client-contract', `request ${requestId}: ${violations.join(', ')}`);
    if (outcome === null && !isGone && !hasThrown) throw new Violation('ends-once', `request ${requestId} did not`);
    if (outcome !== null && isGone) throw new Violation('ends-once', `request ${requestId} ended, and was aborted`);
  }
  return outcome;
}

function summary({
  status,
  fields,
  content,
  granted,
  dispatches,
  outcome,
  detail,
  isGone,
  hasThrown,
}: Client): unknown {
  return [status, fields, content, granted, dispatches, outcome, detail, isGone, hasThrown];
}

type EdgeWritten = {
  /** Which request was sent under which id. */
  readonly requests: ReadonlyMap<number, string>;
  /** What was said of each id, pieces of content joined. */
  readonly byId: readonly (readonly [number, string])[];
};

/** What the edge wrote keeps to docs/link.md, whatever the worker does. */
function checkWritten(
  left: readonly Buffer[],
  linkFault: string | null,
  firstId: number,
  clients: readonly Client[],
): EdgeWritten {
  const { frames, fault, silence } = readFrames([Buffer.concat(left)], mostPayloadBytes);
  if (fault !== null || silence > 0) throw new Violation('edge-frames', fault ?? 'an unfinished frame');
  const requests = new Map<number, string>();
  const open = new Map<number, { hasEnd: boolean; contentBytes: number }>();
  const byId = new Map<number, string>();
  let nextId = firstId;
  for (const [index, frame] of frames.entries()) {
    const problem = ((): string | undefined => {
      const { type, end, id, payload } = frame;
      const request = open.get(id);
      switch (type) {
        case frameType.welcome:
          return index === 0 ? undefined : 'a second welcome';
        case frameType.request:
          if (id !== nextId) return `request ${id}, not ${nextId}`;
          nextId = nextRequestId(id);
          requests.set(id, payload.split('\0')[1] ?? '');
          open.set(id, { hasEnd: end, contentBytes: 0 });
          return undefined;
        case frameType.content:
          if (request === undefined || request.hasEnd) return `content for ${id}`;
          request.hasEnd = end;
          request.contentBytes += payload.length;
          return request.contentBytes <= contentWindowBytes + granted(id) ? undefined : `too much content for ${id}`;
        case frameType.credit:
          return request === undefined ? `credit for ${id}` : undefined;
        case frameType.abort:
          // Nothing of it comes behind.
          return open.delete(id) && payload === '' ? undefined : `abort of ${id}`;
        case frameType.fault:
          if (index < frames.length - 1 || payload !== linkFault?.slice(0, maxReasonBytes)) return `fault ${payload}`;
          return /^[\x20-\x7e]+$/.test(payload) ? undefined : 'a fault that cannot be printed';
        default:
          return `type ${type}`;
      }
    })();
    if (problem !== undefined) throw new Violation('edge-frames', problem);
    byId.set(frame.id, joined(byId.get(frame.id) ?? '', frame));
  }
  if (linkFault !== null && frames.at(-1)?.type !== frameType.fault) throw new Violation('edge-frames', 'no fault');
  return { requests, byId: [...byId] };

  function granted(id: number): number {
    return clients[Number(requests.get(id))]?.granted ?? 0;
  }
}

function joined(text: string, { type, end, payload }: Frame): string {
  if (type === frameType.content) return `${text}${payload}${end ? '!' : ''}`;
  return `${text} ${type}${end ? '!' : ''}:${Buffer.from(payload, 'latin1').toString('hex')} `;
}

/** A good worker answers everything that comes to it. Which requests those were, in order. */
function answerAll(worker: LinkedWorker): readonly string[] {
  const answered: string[] = [];
  for (let seen = 0; ; ) {
    const { frames } = readFrames([Buffer.concat(worker.socket.left.slice(seen))], mostPayloadBytes);
    const requests = frames.filter(({ type }) => type === frameType.request);
    if (requests.length === 0) return answered;
    seen = worker.socket.left.length;
    answered.push(...requests.map(({ payload }) => payload.split('\0')[1] ?? ''));
    worker.receive(Buffer.concat(requests.map(({ id }) => frameBytes(frameType.response, endFlag, id, RESPONSE))));
  }
}

/** What may have begun is never sent again; what cannot have begun is, unless nobody waits for it any more. */
function checkMoved(
  moved: readonly string[],
  { requests }: EdgeWritten,
  startedId: number,
  fault: string | null,
  bytes: Buffer,
  clients: readonly Client[],
): void {
  if (new Set(moved).size !== moved.length) throw new Violation('never-sent-again', `${moved} went to the next worker`);
  const { frames } = readFrames([bytes], 1 << 20);
  const answered = new Set(frames.filter(({ type }) => type !== frameType.draining).map(({ id }) => id));
  const ids = [...requests.keys()];
  const [first = 0] = ids;
  const last = ids.at(-1) ?? first;
  // Anything but the id before the first to the last one is nonsense, and says nothing.
  const isKnown = fault === null && !isAfter(startedId, last) && !isAfter((first - 1) >>> 0, startedId);
  for (const [id, request] of requests) {
    const mayMove = isKnown && isAfter(id, startedId) && !answered.has(id);
    const isGone = clients[Number(request)]?.isGone === true;
    if (moved.includes(request) !== (mayMove && !isGone)) {
      const what = mayMove ? 'was not begun, and is lost' : 'may have begun, and is sent again';
      throw new Violation('never-sent-again', `request ${request} ${what}`);
    }
  }
}

const silent: Log = { debug() {}, info() {}, warning() {}, error() {}, critical() {}, limited() {} };
