import { requestBytes } from '../../load/browser-request.ts';
import type { Attack } from './attack.ts';

const request = requestBytes('keep-alive');

/** Connections that make one request and then nothing. */
export function idle(connections: number): Attack {
  return {
    connections,
    connectsPerSecond: 2500,
    reads: 'at-once',
    goesOn: false,
    open: (socket) => socket.write(request),
  };
}
