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
    const address = socket.remoteAddress ?? '';
    const plain = address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address;
    const policy = encodePairs([['portcullis.policy', policyName]]);
    return Buffer.from(
      `${this.common}${policy}REMOTE_ADDR\0${plain}\0REMOTE_PORT\0${socket.remotePort ?? ''}\0`,
      'latin1',
    );
  }
}
