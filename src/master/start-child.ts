import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import type { Policy } from '../policy/policy.ts';
import { firstListenerDescriptor } from '../process/child.ts';
import type { EdgeStart, ListenerDescription, WorkerStart } from '../process/control-messages.ts';
import { titleArgument, titleWithoutPhase } from '../process/title.ts';
import type { PythonWorkerClass } from '../worker/app-target.ts';
import type { HooksOrder } from '../worker/hooks.ts';
import type { ChildCommand } from './child-handle.ts';
import { type EdgeEvents, EdgeHandle } from './edge-handle.ts';
import type { ErrorOutput } from './error-output.ts';
import type { Listener } from './listeners.ts';
import { identityOf } from './system-place.ts';
import { environmentOfChildren, type WorkerEvents, WorkerHandle } from './worker-handle.ts';

/** The programs that the master starts. */
export type Entries = { readonly edge: string; readonly worker: string; readonly pythonWorker: string };

/** Beside this file, built or not. */
const extension = extname(import.meta.url);
export const ownEntries: Entries = {
  edge: fileURLToPath(new URL(`../edge${extension}`, import.meta.url)),
  worker: fileURLToPath(new URL(`../worker/worker${extension}`, import.meta.url)),
  pythonWorker: fileURLToPath(new URL('../worker/worker.py', import.meta.url)),
};

/** The least time that a child has to boot; a longer `--timeout` is taken as a wish for patience with the worker. */
const leastBootMs = 30_000;

/** What is asked when a child is started. */
export type StartServices = {
  /** The one in force. */
  readonly policy: () => Policy;
  /** What a process that runs the application is told of its hooks, by its number. */
  readonly hooks: (age: number) => HooksOrder | null;
  /** Null: children write to our standard error. */
  readonly errorOutput: ErrorOutput | null;
};

export function workerStarter(
  config: Config,
  entries: Entries,
  { policy, hooks, errorOutput }: StartServices,
): (id: number, maxRequests: number, events: WorkerEvents) => WorkerHandle {
  const command = {
    ...programOfWorker(config, entries),
    identity: identityOf('worker', config),
    privateDirectory: null,
    environment: { ...environmentOfChildren(process.env), ...config.environment },
    workingDirectory: config.workingDirectory,
    descriptors: [],
    errorOutput,
  };
  return (id, maxRequests, events) => {
    const { workerMs } = policy().timeouts;
    const bootMs = workerMs === 0 ? 0 : Math.max(workerMs, leastBootMs);
    return new WorkerHandle(id, { ...command, bootMs }, startOfWorker(config, maxRequests, hooks(id)), events);
  };
}

function programOfWorker(config: Config, entries: Entries): Pick<ChildCommand, 'entry' | 'runtime' | 'title'> {
  const { python, processName } = config;
  if (python === null) {
    const runtime = { kind: 'node', flags: inheritedNodeFlags() } as const;
    return { entry: entries.worker, runtime, title: titleArgument('worker', processName) };
  }
  const runtime = { kind: 'python', interpreter: python.interpreter } as const;
  return { entry: entries.pythonWorker, runtime, title: titleWithoutPhase('worker', processName) };
}

function startOfWorker(config: Config, maxRequests: number, hooks: HooksOrder | null): WorkerStart {
  const { app, logLevel, errorLog, reload, workers, threads, python } = config;
  const errorLogFormat = errorLog.format;
  const common = { type: 'start', logLevel, errorLogFormat, maxRequests, tellsFiles: reload !== null } as const;
  if (app.kind === 'javascript') return { ...common, app, hooks };
  if (app.kind === 'uwsgi') throw new Error('an upstream has no worker of ours');
  const workerClass = pythonClassOf(config);
  const pythonPath = python?.pythonPath ?? [];
  const ofPython = {
    workerClass,
    threads,
    connections: config.workerConnections,
    multiprocess: workers > 1,
    pythonPath,
  };
  return { ...common, app, hooks: null, python: ofPython };
}

export function edgeStarter(
  config: Config,
  entries: Entries,
  listeners: readonly Listener[],
  privateDirectory: string,
  { policy, hooks, errorOutput }: StartServices,
): (age: number, events: EdgeEvents) => EdgeHandle {
  const inlineApp = config.workerClass === 'inline' && config.app.kind === 'javascript' ? config.app : null;
  // No edge makes code from strings; an application may have to (template engines do).
  const hardening = inlineApp === null ? ['--disallow-code-generation-from-strings'] : [];
  const command = {
    entry: entries.edge,
    title: titleArgument('edge', config.processName),
    identity: identityOf('edge', config),
    privateDirectory,
    runtime: { kind: 'node', flags: [...inheritedNodeFlags(), ...hardening] } as const,
    // `--env` is for the application.
    environment: { ...environmentOfChildren(process.env), ...(inlineApp === null ? {} : config.environment) },
    workingDirectory: config.workingDirectory,
    descriptors: listeners.map(({ descriptor }) => descriptor),
    errorOutput,
    bootMs: leastBootMs,
  };
  const start: Omit<EdgeStart, 'policy' | 'hooks'> = {
    type: 'start',
    listeners: listeners.map(
      ({ url, serverName, serverPort }, index): ListenerDescription => ({
        descriptor: firstListenerDescriptor + index,
        url,
        serverName,
        serverPort,
      }),
    ),
    backlog: config.backlog,
    logLevel: config.logLevel,
    privateDirectory,
    sharesLinks: config.workerUser !== null,
    ...requestsOfWorkers(config),
    scriptName: config.scriptName,
    accessLog: config.accessLog,
    errorLogFormat: config.errorLog.format,
    record: config.record,
    metrics: metricsOfEdges(config),
    inlineApp,
    upstream: config.app.kind === 'uwsgi' ? config.app.servers : null,
  };
  return (age, events) => {
    const ofApplication = inlineApp === null ? null : hooks(age);
    return new EdgeHandle(command, { ...start, policy: policy(), hooks: ofApplication }, events);
  };
}

function pythonClassOf({ workerClass }: Config): PythonWorkerClass {
  const isForPython = workerClass !== 'node' && workerClass !== 'inline' && workerClass !== 'uwsgi';
  return isForPython ? workerClass : 'sync';
}

/**
 * Node and greenlets run many at once; the other classes of Python as many as they have threads, and a quick application is
 * never without one.
 */
function requestsOfWorkers(config: Config): Pick<EdgeStart, 'requestsPerWorker' | 'mayWaitAtWorker'> {
  const { workerClass, threads, workerConnections } = config;
  if (workerClass === 'sync') return { requestsPerWorker: 1, mayWaitAtWorker: true };
  if (workerClass === 'gthread') return { requestsPerWorker: threads, mayWaitAtWorker: true };
  return { requestsPerWorker: workerConnections, mayWaitAtWorker: false };
}

/** Of the durations that StatsD is sent in a second, an equal share for each edge. */
const timingsForStatsd = 256;

function metricsOfEdges({ admin, statsd, edges }: Config): EdgeStart['metrics'] {
  if (statsd !== null) return { timings: Math.ceil(timingsForStatsd / edges) };
  return admin === null ? null : { timings: 0 };
}

/** The flags that our own Node was started with are meant for all of us, except a debugger's port. */
function inheritedNodeFlags(): readonly string[] {
  return process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
}
