import { tmpdir } from 'node:os';
import { Listener } from './accept/listener.ts';
import { Admission, type AdmissionPolicy } from './admit/admission.ts';
import { BlockedClients } from './admit/blocked-clients.ts';
import { systemClock } from './admit/clock.ts';
import { Offences } from './admit/offences.ts';
import { Arrival } from './connection/arrival.ts';
import { createDateLine } from './connection/date-line.ts';
import { Deadlines } from './connection/deadlines.ts';
import type { Edge } from './connection/edge-context.ts';
import { MemoryBudget } from './connection/memory-budget.ts';
import { Observations } from './connection/observations.ts';
import { RequestIds } from './connection/request-id.ts';
import { SendQueues } from './connection/send-queues.ts';
import { Spool } from './connection/spool.ts';
import { survivingCanary } from './http1/canary.ts';
import { compileLlhttp } from './http1/llhttp/compile.ts';
import { instantiateLlhttp, type Llhttp } from './http1/llhttp/instance.ts';
import { createParserContext } from './http1/request-parser.ts';
import { ResponseHead } from './http1/response-head.ts';
import { Inspection } from './inspect/inspect.ts';
import type { Policy } from './policy/policy.ts';
import { type PolicyInForce, putInForce } from './policy/policy-in-force.ts';
import { bootChild } from './process/child.ts';
import type { EdgeStart, EdgeToMaster, MasterToEdge, PolicyOrder } from './process/control-messages.ts';
import { showPhase } from './process/title.ts';
import { openAccessLog } from './telemetry/access-log.ts';
import { type Log, openErrorLog } from './telemetry/error-log.ts';
import { EdgeMeter } from './telemetry/metrics/edge-meter.ts';
import { EdgeReporting } from './telemetry/metrics/edge-reporting.ts';
import { countLogged } from './telemetry/metrics/logged-counts.ts';
import { Recorder } from './telemetry/recorder.ts';
import { stackOf } from './telemetry/stack.ts';
import type { DispatchBounds } from './upstream/dispatch.ts';
import { EnvironEncoder, longestEnviron } from './upstream/environ.ts';
import { InlineDispatcher } from './upstream/inline.ts';
import { mountAt } from './upstream/mount.ts';
import { NodeDispatcher } from './upstream/node.ts';
import { UwsgiDispatcher } from './upstream/uwsgi.ts';
import { appName } from './worker/app-target.ts';
import { loadHooks, type WorkerHooks } from './worker/hooks.ts';
import { AppLoadError, loadApp } from './worker/load-app.ts';

/** One edge process, composed. It runs no application code unless it was asked to (`-k inline`). */
const EXIT_FAILED = 1;
/** After an exception that nobody caught, requests that run may finish for so long. */
const CRASH_MS = 5_000;

type OwnDispatcher = NodeDispatcher | InlineDispatcher | UwsgiDispatcher;
type OwnEdge = Edge & { readonly dispatcher: OwnDispatcher };

let listener: Listener | undefined;
let reporting: EdgeReporting | undefined;
let edge: OwnEdge | undefined;
/** Where the application runs in this edge. */
let hooks: WorkerHooks | undefined;
let accessLog: ReturnType<typeof openAccessLog> | null = null;
/** Came before there was an edge that could adopt it. */
let policyAtStart: PolicyOrder | undefined;
const master = bootChild<MasterToEdge, EdgeToMaster>(receive);

function receive(message: MasterToEdge): void {
  switch (message.type) {
    case 'start':
      start(message).catch((error: unknown) => fail(error));
      return;
    case 'expect-worker':
      expectWorker(message.worker, message.pid).catch((error: unknown) => fail(error));
      return;
    case 'policy':
      if (edge === undefined) policyAtStart = message;
      else adopt(edge, message);
      return;
    case 'worker-silent':
      if (edge?.dispatcher instanceof NodeDispatcher) edge.dispatcher.workerSilent(message.worker);
      master.send({ type: 'silence-noted', worker: message.worker });
      return;
    case 'worker-leaves':
      if (edge?.dispatcher instanceof NodeDispatcher) edge.dispatcher.workerLeaves(message.worker);
      return;
    case 'tokens':
      edge?.admission.answer(message.batch, message.answers);
      return;
    case 'blocked':
      edge?.blocked.apply(message.clients);
      return;
    case 'client-counts':
      listener?.learnCounts(message.others, message.surplus);
      return;
    case 'reopen-logs':
      accessLog?.destinations.reopen();
      return;
    case 'measure':
      reporting?.answer(message.id);
      return;
    case 'drain':
      drain();
      return;
    case 'stop':
      hooks?.workerInt();
      end();
  }
}

async function start(order: EdgeStart): Promise<void> {
  const meter = order.metrics === null ? null : new EdgeMeter(order.metrics.timings);
  const log = openLog(order, meter);
  const llhttp = instantiateLlhttp(compileLlhttp());
  const survivor = survivingCanary(llhttp);
  if (survivor !== undefined) throw new Error(`The parser that was loaded is not safe: ${survivor}`);
  const policy = putInForce(order.policy);
  const dispatcher = await createDispatcher(order, policy, log);
  edge = createEdge(order, policy, llhttp, dispatcher, log, meter);
  const { problem } = edge.spool;
  if (problem !== null) log.warning(`Content that memory may not hold will be refused (spool.full): ${problem}`);
  if (policyAtStart !== undefined) adopt(edge, policyAtStart);
  listener = new Listener(edge, (counts) => master.send({ type: 'client-counts', counts }));
  if (meter !== null) reporting = report(meter, edge, listener);
  for (const { descriptor, serverName, serverPort } of order.listeners) {
    const arrival = new Arrival(serverName, serverPort);
    await listener.listen({ descriptor, arrival }, order.backlog);
  }
  master.send({ type: 'started' });
  showPhase('serving');
}

/**
 * In one turn, so between two events of any connection: a request whose first byte comes later is served under this policy
 * and no other. Nothing else in an edge may keep what a policy says.
 */
function adopt(edge: OwnEdge, { policy, version }: PolicyOrder): void {
  edge.policy = putInForce(policy);
  edge.dispatcher.adopt(boundsOf(edge.policy));
  edge.admission.adopt(admissionPolicy(policy), edge.policy.rateLimits);
  edge.offences.adopt(policy.jail);
  edge.blocked.adopt(policy.rateLimitStore.maxKeys);
  master.send({ type: 'policy-in-force', version });
}

async function expectWorker(worker: number, pid: number): Promise<void> {
  if (!(edge?.dispatcher instanceof NodeDispatcher)) return;
  const { path, token, startedPath } = await edge.dispatcher.expectWorker(worker, pid);
  master.send({ type: 'link-ready', worker, path, token, startedPath });
}

async function createDispatcher(order: EdgeStart, policy: PolicyInForce, log: Log): Promise<OwnDispatcher> {
  const bounds = boundsOf(policy);
  if (order.inlineApp !== null) {
    survive(log);
    hooks = await loadHooks(order.hooks, log);
    hooks.postFork();
    const app = await loadApp(order.inlineApp);
    await hooks.postWorkerInit();
    const requestHooks = hooks.requests;
    const name = appName(order.inlineApp);
    return new InlineDispatcher({ app, appName: name, requestHooks, log, multiprocess: false, ...bounds });
  }
  if (order.upstream !== null) {
    return new UwsgiDispatcher({
      ...bounds,
      servers: order.upstream,
      log,
      onReachable: (servers) => master.send({ type: 'upstream-reachable', servers }),
    });
  }
  return new NodeDispatcher({
    ...bounds,
    privateDirectory: order.privateDirectory,
    sharesLinks: order.sharesLinks,
    requestsPerWorker: order.requestsPerWorker,
    mayWaitAtWorker: order.mayWaitAtWorker,
    log,
  });
}

function boundsOf({ headLimits, policy: { request, response, queue, timeouts } }: PolicyInForce): DispatchBounds {
  return {
    contentWindowBytes: request.contentMemoryBytes,
    responseWindowBytes: response.bufferBytes,
    maxResponseHeadBytes: response.bufferBytes,
    maxEnvironBytes: longestEnviron(headLimits),
    queueMax: queue.max,
    helloMs: timeouts.queueMs,
  };
}

function createEdge(
  order: EdgeStart,
  policy: PolicyInForce,
  llhttp: Llhttp,
  dispatcher: OwnDispatcher,
  log: Log,
  meter: EdgeMeter | null,
): OwnEdge {
  const requestIds = new RequestIds();
  const onLost = (lines: number): void => meter?.logLinesLost(lines);
  accessLog = order.accessLog === null ? null : openAccessLog(order.accessLog, requestIds.prefix, log, onLost);
  const mount = mountAt(order.scriptName);
  return {
    policy,
    parsers: createParserContext(llhttp),
    inspection: new Inspection(),
    mount,
    environ: new EnvironEncoder(requestIds.prefix, mount),
    responseHead: new ResponseHead(),
    dispatcher,
    admission: new Admission(
      admissionPolicy(order.policy),
      systemClock,
      (batch, takes) => master.send({ type: 'take-tokens', batch, takes }),
      log,
    ),
    offences: new Offences(order.policy.jail, systemClock, (clients) => master.send({ type: 'offences', clients })),
    blocked: new BlockedClients(order.policy.rateLimitStore.maxKeys, systemClock),
    deadlines: new Deadlines(performance),
    memory: new MemoryBudget(),
    spool: new Spool(tmpdir()),
    sendQueues: new SendQueues(),
    log,
    observations: new Observations(),
    accessLog: accessLog?.logger ?? null,
    meter,
    recorder: order.record === null ? null : new Recorder(order.record, log),
    dateLine: createDateLine(Date.now),
    requestIds,
  };
}

function openLog({ logLevel, errorLogFormat }: EdgeStart, meter: EdgeMeter | null): Log {
  const log = openErrorLog({ level: logLevel, format: errorLogFormat });
  return meter === null ? log : countLogged(log, (kind) => meter.logged(kind));
}

function report(meter: EdgeMeter, { dispatcher, memory, spool }: OwnEdge, listener: Listener): EdgeReporting {
  const gauges = () => ({
    connections: listener.connectionsByState,
    inFlight: dispatcher.inFlight,
    queued: dispatcher instanceof InlineDispatcher ? 0 : dispatcher.waiting,
    heldBytes: memory.usedBytes,
    spoolBytes: spool.usedBytes,
  });
  return new EdgeReporting(meter, gauges, (id, report) => master.send({ type: 'measured', id, report }));
}

function admissionPolicy({ rateLimitStore, connections }: Policy): AdmissionPolicy {
  return { ...rateLimitStore, maxWaiting: connections.max };
}

/** With an application inside, its mistakes are as in a worker: a promise costs a log line, an exception the process. */
function survive(log: Log): void {
  process.on('unhandledRejection', (reason) => log.error('unhandled rejection in the application', stackOf(reason)));
  process.on('uncaughtException', (error) => {
    log.critical('uncaught exception in the application; this edge ends', stackOf(error));
    process.exitCode = EXIT_FAILED;
    setTimeout(() => process.exit(), CRASH_MS).unref();
    drain();
  });
}

function drain(): void {
  showPhase('draining');
  if (listener === undefined) process.exit();
  listener.drain().then(end);
}

/** What a policy only observes is counted for this moment: whoever tries it wants the sum. */
async function end(): Promise<void> {
  const observed = edge?.observations.summary();
  if (observed !== undefined) edge?.log.warning(`Would have refused since start: ${observed}`);
  await Promise.all([edge?.recorder?.settled(), accessLog?.destinations.settled()]);
  reporting?.end();
  process.exit();
}

/** The master says why, once, and the exit status of the program. */
function fail(error: unknown): void {
  const exitCode = error instanceof AppLoadError ? error.exitCode : EXIT_FAILED;
  const stack = error instanceof AppLoadError ? error.appStack : null;
  const message = error instanceof Error ? error.message : String(error);
  master.send({ type: 'failed', exitCode, message: stack === null ? message : `${message}\n${stack}` });
  process.exit(exitCode);
}
