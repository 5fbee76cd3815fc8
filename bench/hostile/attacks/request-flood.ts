import { requestBytes } from '../../load/browser-request.ts';
import type { Attack } from './attack.ts';

const CONNECTIONS = 20;
const TURN_MS = 20;
const REQUESTS_PER_SECOND = 5000;
/** More than this waits in our own socket: the server reads no more, and what it does not read costs it nothing. */
const MOST_WAITING_BYTES = 256 * 1024;

const batch = Buffer.concat(
  new Array<Buffer>((REQUESTS_PER_SECOND * TURN_MS) / 1000 / CONNECTIONS).fill(requestBytes('keep-alive')),
);

/** Pipelined requests at a steady rate on a few connections. */
export const requestFlood: Attack = {
  connections: CONNECTIONS,
  connectsPerSecond: 1000,
  reads: 'at-once',
  goesOn: false,
  open: () => {},
  turnMs: TURN_MS,
  turn: (socket) => {
    if (socket.writableLength < MOST_WAITING_BYTES) socket.write(batch);
  },
};
