import type { Socket } from 'node:net';
import type { Attack } from './attack.ts';

const STAYS_MS = 50;
const halfHead = Buffer.from('GET /a HTTP/1.1\r\nHost: a\r\nX-Half: ');
const halfContent = Buffer.from('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf');
const bigPage = Buffer.from('GET /big HTTP/1.1\r\nHost: a\r\n\r\n');

/** Clients that go in the middle of a head or of content. */
export function vanishingMidRequest(): Attack {
  let count = 0;
  return {
    connections: Number.POSITIVE_INFINITY,
    connectsPerSecond: 1000,
    reads: 'at-once',
    goesOn: false,
    open: (socket) => {
      count += 1;
      socket.write(count % 2 === 0 ? halfHead : halfContent);
      vanish(socket, count % 4 < 2);
    },
  };
}

/** Clients that go while a big page is on its way to them; it never fits into what they read until then. */
export function vanishingMidResponse(): Attack {
  let count = 0;
  return {
    connections: Number.POSITIVE_INFINITY,
    connectsPerSecond: 200,
    reads: 'in-turns',
    goesOn: false,
    open: (socket) => {
      count += 1;
      socket.write(bigPage);
      vanish(socket, count % 2 === 0);
    },
  };
}

/** With a reset, as a process that is killed, or with the ordinary end of a connection. */
function vanish(socket: Socket, withReset: boolean): void {
  setTimeout(() => {
    if (withReset) socket.resetAndDestroy();
    else socket.destroy();
  }, STAYS_MS);
}
