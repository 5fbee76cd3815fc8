import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import { firstListenerDescriptor } from '../process/child.ts';
import type { EdgeStart, ListenerDescription } from '../process/control-messages.ts';
import type { PoolChildEvents } from './child-pool.ts';
import { type EdgeEvents, EdgeHandle } from './edge-handle.ts';
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

export function workerStarter(config: Config, entries: Entries): (id: number, events: PoolChildEvents) => WorkerHandle {
  const { workerMs } = config.policy.timeouts;
  const command = {
    entry: entries.worker,
    arguments: [],
    nodeFlags: inheritedNodeFlags(),
    environment: environmentOfChildren(process.env),
    descriptors: [],
    bootMs: workerMs === 0 ? 0 : Math.max(workerMs, leastBootMs),
  };
  return (id, events) => new WorkerHandle(id, command, config.app, config.logLevel, events);
}

export function edgeStarter(
  config: Config,
  entries: Entries,
  listeners: readonly Listener[],
  privateDirectory: string,
): (events: EdgeEvents) => EdgeHandle {
  const inlineApp = config.workerClass === 'inline' ? config.app : null;
  // No edge makes code from strings; an application may have to (template engines do).
  const hardening = inlineApp === null ? ['--disallow-code-generation-from-strings'] : [];
  const command = {
    entry: entries.edge,
    arguments: [privateDirectory],
    nodeFlags: [...inheritedNodeFlags(), ...hardening],
    environment: environmentOfChildren(process.env),
    descriptors: listeners.map(({ descriptor }) => descriptor),
    bootMs: leastBootMs,
  };
  const start: EdgeStart = {
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
    policy: config.policy,
    logLevel: config.logLevel,
    privateDirectory,
    workerConnections: config.workerConnections,
    scriptName: config.scriptName,
    record: config.record,
    inlineApp,
  };
  return (events) => new EdgeHandle(command, start, events);
}

/** The flags that our own Node was started with are meant for all of us, except a debugger's port. */
function inheritedNodeFlags(): readonly string[] {
  return process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
}
