import type { Socket } from 'node:net';
import type { Attack } from './attack.ts';

const request = Buffer.from('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
const bytes = Array.from(request, (_, index) => request.subarray(index, index + 1));
const next = new WeakMap<Socket, number>();

/** Pipelined requests, each byte a segment of its own: a read, a turn of the parser and a deadline for every byte. */
export const byteAtATime: Attack = {
  connections: 100,
  connectsPerSecond: 1000,
  reads: 'at-once',
  goesOn: false,
  open: (socket) => next.set(socket, 0),
  turns: {
    everyMs: 20,
    what: 'bytes',
    count: 1,
    take: (socket) => {
      const index = next.get(socket) ?? 0;
      next.set(socket, (index + 1) % bytes.length);
      socket.write(bytes[index] ?? request);
      return true;
    },
  },
};
