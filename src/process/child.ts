import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { openControlChannel } from './control-channel.ts';
import { type Identity, takeIdentity } from './identity.ts';

/** Descriptors that the master opens in every child; its listeners follow from 5 on. */
export const controlDescriptor = 3;
export const lifelineDescriptor = 4;
export const firstListenerDescriptor = 5;

/** Signals that reach the whole process group from a terminal or a service manager. The master alone acts on them. */
const coordinatedByMaster = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;

/**
 * Nothing is ever written to the lifeline: its end means that the master is gone, however it went. The main thread may
 * be spinning in an application, so a thread of its own waits for that end. It waits in its event loop and not in a
 * blocking read, because the exit of a process joins its threads and would wait for that read for ever.
 *
 * A master that was killed leaves its private directory; an edge is told of it and removes it.
 */
const watchdogSource = `
const { rmSync } = require('node:fs');
const { Socket } = require('node:net');
const { workerData: directory } = require('node:worker_threads');
const die = () => {
  try {
    if (directory !== '') rmSync(directory, { recursive: true, force: true });
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
};
new Socket({ fd: ${lifelineDescriptor}, readable: true, writable: false }).on('error', die).on('close', die).resume();
`;
const watchdogMs = 1_000;
const watchdogLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 8, stackSizeMb: 1 };

/**
 * What every child does before anything else. The master's end of the control channel is the end of the child as well:
 * exit status 0, no signal needed. `receive` is called in a later turn, so the caller may finish its own set-up first.
 */
export function bootChild<In extends { readonly type: string }, Out extends { readonly type: string }>(
  receive: (message: In) => void,
): { send(message: Out): void } {
  // Without a handler, SIGUSR1 makes Node open its inspector: a debugger port on a public server.
  process.on('SIGUSR1', ignoreSignal);
  for (const signal of coordinatedByMaster) process.on(signal, ignoreSignal);
  // What the master says with the start; an application that reads its arguments should not find it.
  const [privateDirectory = '', identity = ''] = process.argv.splice(2);
  if (identity !== '') becomeIdentity(identity);
  startWatchdog(privateDirectory);
  const channel = openControlChannel<In, Out>(new Socket({ fd: controlDescriptor }), receive);
  channel.onClose((error) => {
    if (error !== null) endAtOnce(error);
    // Mostly the master is gone, and then the watchdog ends us after it has tidied up.
    setTimeout(() => process.exit(0), watchdogMs);
  });
  return channel;
}

function ignoreSignal(): void {}

/** Before there is a thread, a socket or a line of the application: nothing of root's is there to be kept. */
function becomeIdentity(text: string): void {
  try {
    takeIdentity(JSON.parse(text) as Identity);
  } catch (error) {
    endAtOnce(error);
  }
}

function startWatchdog(privateDirectory: string): void {
  const watchdog = new Worker(watchdogSource, {
    eval: true,
    workerData: privateDirectory,
    execArgv: [],
    env: {},
    resourceLimits: watchdogLimits,
  });
  watchdog.unref();
  // A child that nobody watches could outlive its master: better none.
  watchdog.on('error', endAtOnce);
}

/** Not thrown: an application may have a handler for what nobody caught, and this is not its to survive. */
function endAtOnce(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
