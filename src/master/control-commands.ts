import type { ControlReply, ControlRequest, ServerStatus } from '../control/protocol.ts';
import type { Block } from './jail.ts';
import type { ReloadOutcome } from './reload.ts';

/** A server, as far as it can be told what to do. */
export interface ControlledServer {
  status(): ServerStatus;
  /** Processes that run the application, those that are about to be started included. */
  size(): number;
  blocked(): readonly Block[];
  /** Between the order to end and the end. */
  readonly gracefulTimeoutMs: number;
  reload(): Promise<ReloadOutcome>;
  /** As if the signal had come. */
  signal(name: 'SIGTERM' | 'SIGQUIT' | 'SIGTTIN' | 'SIGTTOU'): void;
  /** The client's key, or undefined where the text names none. */
  clientOf(text: string): string | undefined;
  block(client: string, forMs: number): void;
  /** False: it was not blocked. */
  release(client: string): boolean;
}

/** From SIGQUIT to the end, and what a drain takes beyond its own time. */
const stopSeconds = 5;

/** Does what was asked for, on the way that the signals take. */
export async function carryOut(request: ControlRequest, server: ControlledServer): Promise<ControlReply> {
  switch (request.command) {
    case 'status':
      return { type: 'status', status: server.status() };
    case 'reload': {
      const { succeeded, message } = await server.reload();
      return { type: succeeded ? 'done' : 'failed', message };
    }
    case 'stop':
      return stop(request.now, server);
    case 'add-worker':
      return resize('SIGTTIN', server);
    case 'remove-worker':
      return resize('SIGTTOU', server);
    case 'jail':
      return {
        type: 'jail',
        blocks: server.blocked().map(([client, forMs]) => ({ client, secondsLeft: Math.ceil(forMs / 1000) })),
      };
    case 'release':
    case 'block':
      return changeJail(request, server);
  }
}

/** The reply goes out before the first child hears of it. */
function stop(now: boolean, server: ControlledServer): ControlReply {
  setImmediate(() => server.signal(now ? 'SIGQUIT' : 'SIGTERM'));
  const withinSeconds = stopSeconds + (now ? 0 : server.gracefulTimeoutMs / 1000);
  const message = now ? 'The server stops at once.' : 'The server finishes what it runs and ends.';
  return { type: 'stopping', message, withinSeconds };
}

function resize(signal: 'SIGTTIN' | 'SIGTTOU', server: ControlledServer): ControlReply {
  const before = server.size();
  server.signal(signal);
  const size = server.size();
  if (size !== before) return { type: 'done', message: `${before} -> ${size} workers` };
  const isLast = signal === 'SIGTTOU' && size === 1;
  const message = isLast ? 'the last worker stays' : 'the server boots or ends, and its workers stay as they are';
  return { type: 'failed', message };
}

function changeJail(
  request: Extract<ControlRequest, { readonly client: string }>,
  server: ControlledServer,
): ControlReply {
  const client = server.clientOf(request.client);
  if (client === undefined) {
    return {
      type: 'failed',
      message: `${JSON.stringify(request.client)} is neither an address nor a client of the list`,
    };
  }
  if (request.command === 'block') {
    server.block(client, request.seconds * 1000);
    return { type: 'done', message: `${client} is blocked for ${request.seconds} s` };
  }
  return server.release(client)
    ? { type: 'done', message: `${client} is free` }
    : { type: 'failed', message: `${client} is not blocked` };
}
