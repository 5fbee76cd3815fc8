import type { Attack } from './attack.ts';

const request = Buffer.from('GET /big HTTP/1.1\r\nHost: a\r\n\r\n');

/** Reads 64 KiB of a big page every second: always some progress, and a response that takes half a minute. */
export const slowReader: Attack = {
  connections: 1000,
  connectsPerSecond: 1000,
  reads: 'in-turns',
  goesOn: true,
  open: (socket) => socket.write(request),
  turns: {
    everyMs: 1000,
    what: 'reads',
    count: 1,
    take: (socket) => {
      socket.resume();
      return true;
    },
  },
};
