import { Socket } from 'node:net';
import { openControlChannel } from './control-channel.ts';
import type { Ping, Pong } from './control-messages.ts';
import { type Identity, takeIdentity } from './identity.ts';
import { startWatchdog } from './watchdog.ts';

/** Opened by the master in every child, before the lifeline; its listeners follow from 5 on. */
export const controlDescriptor = 3;
export const firstListenerDescriptor = 5;

/** Signals that reach the whole process group from a terminal or a service manager. The master alone acts on them. */
const coordinatedByMaster = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;

const watchdogMs = 1_000;

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
  // A child that nobody watches could outlive its master: better none.
  startWatchdog(privateDirectory, endAtOnce);
  const channel = openControlChannel<In | Ping, Out | Pong>(new Socket({ fd: controlDescriptor }), (message) => {
    // In the main thread, like all that the application does: no answer means that it does nothing else either.
    if (isPing(message)) channel.send({ type: 'pong' });
    else receive(message);
  });
  channel.onClose((error) => {
    if (error !== null) endAtOnce(error);
    // Mostly the master is gone, and then the watchdog ends us after it has tidied up.
    setTimeout(() => process.exit(0), watchdogMs);
  });
  return channel;
}

function ignoreSignal(): void {}

function isPing(message: { readonly type: string }): message is Ping {
  return message.type === 'ping';
}

/** Before there is a thread, a socket or a line of the application: nothing of root's is there to be kept. */
function becomeIdentity(text: string): void {
  try {
    takeIdentity(JSON.parse(text) as Identity);
  } catch (error) {
    endAtOnce(error);
  }
}

/** Not thrown: an application may have a handler for what nobody caught, and this is not its to survive. */
function endAtOnce(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
