import type { Socket } from 'node:net';
import { encodePairs } from '../upstream/environ.ts';

const IPV4_IN_IPV6 = '::ffff:';

/**
 * Where connections come in, as far as environs tell: from the listener or the configuration, never from Host. Made once
 * for each listener.
 */
export class Arrival {
  private readonly common: string;

  constructor(serverName: string, serverPort: string) {
    this.common = encodePairs([
      ['SERVER_NAME', serverName],
      ['SERVER_PORT', serverPort],
      ['wsgi.url_scheme', 'http'],
    ]);
  }

  /** What all environs of a connection have in common while one policy is in force, encoded once. */
  connectionPairs(socket: Socket, policyName: string): Uint8Array {
    const address = clientAddressOf(socket);
    const policy = encodePairs([['portcullis.policy', policyName]]);
    return Buffer.from(
      `${this.common}${policy}REMOTE_ADDR\0${address}\0REMOTE_PORT\0${socket.remotePort ?? ''}\0`,
      'latin1',
    );
  }
}

/** `192.0.2.7`, also where the listener takes both families; empty for a Unix socket. */
export function clientAddressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? '';
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address;
}
