import { reasonOf } from '../telemetry/failure-reason.ts';
import type { UwsgiPlace } from '../worker/uwsgi-target.ts';
import { connectTo } from './uwsgi-socket.ts';

/** modifier1 100, no variables: uWSGI's ping. The pong is a header with modifier2 1. */
const modifier = 100;
const ping = Buffer.from([modifier, 0, 0, 0]);

/**
 * `alive`: it took the ping, and answered or closed. Without the ping plugin, which Debian's package does not load by itself,
 * uWSGI closes such a connection; only a process that reads its connections does. `silent`: all its processes may be busy.
 */
export type Pong =
  | { readonly outcome: 'alive' | 'silent' }
  | { readonly outcome: 'unreachable'; readonly reason: string };

/** Asks a server whether it is there. `tell` is called once; the answer of the call ends the question instead. */
export function askForPong(place: UwsgiPlace, patienceMs: number, tell: (pong: Pong) => void): () => void {
  const socket = connectTo(place);
  let isConnected = false;
  const end = (pong: Pong | null): void => {
    clearTimeout(patience);
    socket.removeAllListeners();
    // What comes of the end itself is nobody's business.
    socket.on('error', () => {});
    socket.destroy();
    if (pong !== null) tell(pong);
  };
  const unreachable = (reason: string): void => end({ outcome: 'unreachable', reason });
  const patience = setTimeout(() => {
    if (isConnected) end({ outcome: 'silent' });
    else unreachable(`no connection within ${patienceMs} ms`);
  }, patienceMs);
  patience.unref();
  socket.unref();
  socket.on('connect', () => {
    isConnected = true;
    socket.write(ping);
  });
  socket.on('data', (answer: Buffer) => {
    if (answer[0] === modifier) end({ outcome: 'alive' });
    else unreachable('it answers, but not in uwsgi');
  });
  socket.on('end', () => end({ outcome: 'alive' }));
  // A listener whose process ends resets what it had not taken yet.
  socket.on('error', (error) => unreachable(reasonOf(error)));
  return () => end(null);
}
