import { Listener } from './accept/listener.ts';
import { Arrival } from './connection/arrival.ts';
import { createDateLine } from './connection/date-line.ts';
import { Deadlines } from './connection/deadlines.ts';
import type { Edge } from './connection/edge-context.ts';
import { Observations } from './connection/observations.ts';
import { RequestIds } from './connection/request-id.ts';
import { survivingCanary } from './http1/canary.ts';
import { compileLlhttp } from './http1/llhttp/compile.ts';
import { instantiateLlhttp, type Llhttp } from './http1/llhttp/instance.ts';
import { createParserContext } from './http1/request-parser.ts';
import { ResponseHead } from './http1/response-head.ts';
import { Inspection } from './inspect/inspect.ts';
import { putInForce } from './policy/policy-in-force.ts';
import { bootChild } from './process/child.ts';
import type { EdgeStart, EdgeToMaster, MasterToEdge } from './process/control-messages.ts';
import { type Log, openErrorLog } from './telemetry/error-log.ts';
import { Recorder } from './telemetry/recorder.ts';
import { stackOf } from './telemetry/stack.ts';
import type { Dispatcher } from './upstream/dispatch.ts';
import { EnvironEncoder, longestEnviron } from './upstream/environ.ts';
import { InlineDispatcher } from './upstream/inline.ts';
import { mountAt } from './upstream/mount.ts';
import { NodeDispatcher } from './upstream/node.ts';
import { AppLoadError, appName, loadApp } from './worker/load-app.ts';

/** One edge process, composed. It runs no application code unless it was asked to (`-k inline`). */
const EXIT_FAILED = 1;
/** After an exception that nobody caught, requests that run may finish for so long. */
const CRASH_MS = 5_000;

let listener: Listener | undefined;
let workers: NodeDispatcher | undefined;
let recorder: Recorder | null = null;
const observations = new Observations();
const master = bootChild<MasterToEdge, EdgeToMaster>(receive);

function receive(message: MasterToEdge): void {
  switch (message.type) {
    case 'start':
      start(message).catch((error: unknown) => fail(error));
      return;
    case 'expect-worker':
      workers
        ?.expectWorker(message.worker, message.pid)
        .then(({ path, token, startedPath }) => {
          master.send({ type: 'link-ready', worker: message.worker, path, token, startedPath });
        })
        .catch((error: unknown) => fail(error));
      return;
    case 'drain':
      drain();
      return;
    case 'stop':
      process.exit(0);
  }
}

async function start(order: EdgeStart): Promise<void> {
  const log = openErrorLog({ level: order.logLevel });
  const llhttp = instantiateLlhttp(compileLlhttp());
  const survivor = survivingCanary(llhttp);
  if (survivor !== undefined) throw new Error(`The parser that was loaded is not safe: ${survivor}`);
  const dispatcher = await createDispatcher(order, log);
  if (order.record !== null) recorder = new Recorder(order.record, log);
  listener = new Listener(createEdge(order, llhttp, dispatcher, log));
  for (const { descriptor, serverName, serverPort } of order.listeners) {
    const arrival = new Arrival(serverName, serverPort, order.policy.name);
    await listener.listen({ descriptor, arrival }, order.backlog);
  }
  master.send({ type: 'started' });
}

async function createDispatcher(order: EdgeStart, log: Log): Promise<Dispatcher> {
  const { policy } = order;
  const bounds = {
    contentWindowBytes: policy.request.contentMemoryBytes,
    responseWindowBytes: policy.response.bufferBytes,
    maxResponseHeadBytes: policy.response.bufferBytes,
  };
  if (order.inlineApp !== null) {
    survive(log);
    const app = await loadApp(order.inlineApp);
    return new InlineDispatcher({ ...bounds, app, appName: appName(order.inlineApp), log, multiprocess: false });
  }
  workers = new NodeDispatcher({
    ...bounds,
    privateDirectory: order.privateDirectory,
    helloMs: policy.timeouts.queueMs,
    maxEnvironBytes: longestEnviron(policy.request),
    requestsPerWorker: order.workerConnections,
    queueMax: policy.queue.max,
    log,
  });
  return workers;
}

function createEdge(order: EdgeStart, llhttp: Llhttp, dispatcher: Dispatcher, log: Log): Edge {
  const requestIds = new RequestIds();
  const mount = mountAt(order.scriptName);
  return {
    policy: putInForce(order.policy),
    parsers: createParserContext(llhttp),
    inspection: new Inspection(),
    mount,
    environ: new EnvironEncoder(requestIds.prefix, mount),
    responseHead: new ResponseHead(),
    dispatcher,
    deadlines: new Deadlines(performance),
    log,
    observations,
    recorder,
    dateLine: createDateLine(Date.now),
    requestIds,
  };
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
  if (listener === undefined) process.exit();
  listener
    .drain()
    .then(() => recorder?.settled())
    .then(() => process.exit());
}

/** The master says why, once, and the exit status of the program. */
function fail(error: unknown): void {
  const exitCode = error instanceof AppLoadError ? error.exitCode : EXIT_FAILED;
  const stack = error instanceof AppLoadError ? error.appStack : null;
  const message = error instanceof Error ? error.message : String(error);
  master.send({ type: 'failed', exitCode, message: stack === null ? message : `${message}\n${stack}` });
  process.exit(exitCode);
}
