import type { Log } from '../../src/telemetry/error-log.ts';
import { NodeDispatcher } from '../../src/upstream/node.ts';
import { Violation } from '../violation.ts';
import { behaviours, Client, type Windows, windows, windowsAfterReload } from './client.ts';
import { answerAll, HELLO, LinkedWorker, Turns } from './worker.ts';
import { checkMoved, checkWritten } from './written.ts';

/** What the dispatcher makes of them: `maxPayloadBytes` is at least one piece. */
const maxEnvironBytes = 64;
const maxResponseHeadBytes = 64;
const requestsPerWorker = 4;
const beforeReload = 2;

export type EdgeControl = {
  /** Which request the worker says that it began last, counted from the first. */
  readonly started: number;
  /** It says a good hello first. */
  readonly isGreeted: boolean;
  readonly isSlow: boolean;
  /** Ids wrap around after two requests. */
  readonly wraps: boolean;
  /** A reload makes the windows smaller after two requests. */
  readonly reloads: boolean;
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
  const bounds = {
    helloMs: 0,
    contentWindowBytes: windows.content,
    responseWindowBytes: windows.response,
    maxEnvironBytes,
    maxResponseHeadBytes,
    queueMax: behaviours.length,
  };
  const dispatcher = new NodeDispatcher({
    ...bounds,
    privateDirectory: '',
    requestsPerWorker,
    log: silent,
    onWorkerGone: (worker, fault) => gone.push([worker, fault]),
  });
  const firstId = firstIdOf(control);
  const startedId = (firstId + control.started - 1) >>> 0;
  const bad = new LinkedWorker(dispatcher, turns, 1, firstId, startedId, control.isSlow);
  if (control.isGreeted) bad.receive(HELLO);
  const windowsOf = (index: number): Windows =>
    control.reloads && index >= beforeReload ? windowsAfterReload : windows;
  const clients = behaviours.map((behaviour, index) => new Client(index, behaviour, windowsOf(index)));
  for (const [index, client] of clients.entries()) {
    const { content, response } = windowsOf(index);
    if (control.reloads && index === beforeReload)
      dispatcher.adopt({ ...bounds, contentWindowBytes: content, responseWindowBytes: response });
    client.start(dispatcher);
  }
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

const silent: Log = { debug() {}, info() {}, warning() {}, error() {}, critical() {}, limited() {} };
