import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import type { Policy } from '../policy/policy.ts';
import { firstListenerDescriptor } from '../process/child.ts';
import type { EdgeStart, ListenerDescription } from '../process/control-messages.ts';
import type { PoolChildEvents } from './child-pool.ts';
import { type EdgeEvents, EdgeHandle } from './edge-handle.ts';
import type { ErrorOutput } from './error-output.ts';
import type { Listener } from './listeners.ts';
import { environmentOfChildren, WorkerHandle } from './worker-handle.ts';

/** The programs that the master starts. */
export type Entries = { readonly edge: string; readonly worker: string };

/** Beside this file, built or not. */
const extension = extname(import.meta.url);
export const ownEntries: Entries = {
  edge: fileURLToPath(new URL(`../edge${extension}`, import.meta.url)),
  worker: fileURLToPath(new URL(`../worker/worker${extension}`, import.meta.url)),
};

/** The least time that a child has to boot; a longer `--timeout` is taken as a wish for patience with the worker. */
const leastBootMs = 30_000;

/** `policy` is the one in force when a worker is started. */
export function workerStarter(
  config: Config,
  entries: Entries,
  policy: () => Policy,
  errorOutput: ErrorOutput | null,
): (id: number, events: PoolChildEvents) => WorkerHandle {
  const command = {
    entry: entries.worker,
    arguments: [],
    nodeFlags: inheritedNodeFlags(),
    environment: { ...environmentOfChildren(process.env), ...config.environment },
    workingDirectory: config.workingDirectory,
    descriptors: [],
    errorOutput,
  };
  return (id, events) => {
    const { workerMs } = policy().timeouts;
    const bootMs = workerMs === 0 ? 0 : Math.max(workerMs, leastBootMs);
    return new WorkerHandle(id, { ...command, bootMs }, config.app, config.logLevel, config.errorLog.format, events);
  };
}

/** `policy` is the one in force when an edge is started. */
export function edgeStarter(
  config: Config,
  entries: Entries,
  listeners: readonly Listener[],
  privateDirectory: string,
  policy: () => Policy,
  errorOutput: ErrorOutput | null,
): (events: EdgeEvents) => EdgeHandle {
  const inlineApp = config.workerClass === 'inline' ? config.app : null;
  // No edge makes code from strings; an application may have to (template engines do).
  const hardening = inlineApp === null ? ['--disallow-code-generation-from-strings'] : [];
  const command = {
    entry: entries.edge,
    arguments: [privateDirectory],
    nodeFlags: [...inheritedNodeFlags(), ...hardening],
    // `--env` is for the application.
    environment: { ...environmentOfChildren(process.env), ...(inlineApp === null ? {} : config.environment) },
    workingDirectory: config.workingDirectory,
    descriptors: listeners.map(({ descriptor }) => descriptor),
    errorOutput,
    bootMs: leastBootMs,
  };
  const start: Omit<EdgeStart, 'policy'> = {
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
    workerConnections: config.workerConnections,
    scriptName: config.scriptName,
    accessLog: config.accessLog,
    errorLogFormat: config.errorLog.format,
    record: config.record,
    inlineApp,
  };
  return (events) => new EdgeHandle(command, { ...start, policy: policy() }, events);
}

/** The flags that our own Node was started with are meant for all of us, except a debugger's port. */
function inheritedNodeFlags(): readonly string[] {
  return process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
}
