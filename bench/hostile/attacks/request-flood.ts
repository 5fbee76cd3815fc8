import { requestBytes } from '../../load/browser-request.ts';
import type { Attack } from './attack.ts';

const CONNECTIONS = 20;
const TURN_MS = 20;
const REQUESTS_PER_SECOND = 5000;
/** More than this waits in our own socket: the server reads no more, and what it does not read costs it nothing. */
const MOST_WAITING_BYTES = 256 * 1024;

const requestsPerTurn = (REQUESTS_PER_SECOND * TURN_MS) / 1000 / CONNECTIONS;
const batch = Buffer.concat(new Array<Buffer>(requestsPerTurn).fill(requestBytes('keep-alive')));

/** Pipelined requests at a steady rate on a few connections. */
export const requestFlood: Attack = {
  connections: CONNECTIONS,
  connectsPerSecond: 1000,
  reads: 'at-once',
  goesOn: false,
  open: () => {},
  turns: {
    everyMs: TURN_MS,
    what: 'requests',
    count: requestsPerTurn,
    take: (socket) => {
      if (socket.writableLength > MOST_WAITING_BYTES) return false;
      socket.write(batch);
      return true;
    },
  },
};
