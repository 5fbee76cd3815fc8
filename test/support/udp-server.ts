import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { within } from './deadline.ts';

/** What a port of 127.0.0.1 received, a text each datagram. */
export type UdpServer = {
  readonly port: number;
  readonly datagrams: readonly string[];
  /** Resolves when one datagram matches. */
  received(pattern: RegExp): Promise<void>;
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
  const waitFor = async (pattern: RegExp): Promise<void> => {
    while (!datagrams.some((datagram) => pattern.test(datagram))) await once(socket, 'taken');
  };
  return {
    port: socket.address().port,
    datagrams,
    received: (pattern) => within(30_000, waitFor(pattern), () => `no ${pattern} in ${datagrams.join(' | ')}`),
    close: () => socket.close(),
  };
}
