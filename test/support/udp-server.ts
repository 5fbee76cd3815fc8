import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { within } from './deadline.ts';

/** What a port of 127.0.0.1 received, a text each datagram. */
export type UdpServer = {
  readonly port: number;
  readonly datagrams: readonly string[];
  /** Resolves when one datagram matches. */
  received(pattern: RegExp): Promise<void>;
  /** Resolves when this holds of all of them. */
  until(holds: () => boolean): Promise<void>;
  close(): void;
};

export async function openUdpServer(): Promise<UdpServer> {
  const socket = createSocket('udp4');
  const datagrams: string[] = [];
  socket.on('message', (message) => {
    datagrams.push(message.toString('latin1'));
    socket.emit('taken');
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const waitFor = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await once(socket, 'taken');
  };
  const until = (holds: () => boolean, what: string): Promise<void> =>
    within(30_000, waitFor(holds), () => `${what} in ${datagrams.join(' | ')}`);
  return {
    port: socket.address().port,
    datagrams,
    received: (pattern) => until(() => datagrams.some((datagram) => pattern.test(datagram)), `no ${pattern}`),
    until: (holds) => until(holds, 'not what was waited for'),
    close: () => socket.close(),
  };
}
