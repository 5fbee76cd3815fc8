import type { Socket } from 'node:net';
import type { Scheme } from '../inspect/forwarded.ts';
import { encodePairs } from '../upstream/environ.ts';

const IPV4_IN_IPV6 = '::ffff:';

/** Who sends a request, as environs tell: both empty for a Unix socket. */
export type Remote = { readonly address: string; readonly port: string };

/**
 * Where connections come in, as far as environs tell: from the listener or the configuration, never from Host. Made once
 * for each listener.
 */
export class Arrival {
  /** By which scheme clients come, unless a trusted proxy says that its own did by another one. */
  readonly scheme: Scheme = 'http';
  private readonly server: string;

  constructor(serverName: string, serverPort: string) {
    this.server = encodePairs([
      ['SERVER_NAME', serverName],
      ['SERVER_PORT', serverPort],
    ]);
  }

  /** What environs have in common for as long as client, scheme and policy are the same. */
  connectionPairs({ address, port }: Remote, scheme: Scheme, policyName: string): Uint8Array {
    const pairs = encodePairs([
      ['wsgi.url_scheme', scheme],
      ['portcullis.policy', policyName],
      ['REMOTE_ADDR', address],
      ['REMOTE_PORT', port],
    ]);
    return Buffer.from(this.server + pairs, 'latin1');
  }
}

/** The peer of a socket: `192.0.2.7`, also where the listener takes both families. */
export function remoteOf({ remoteAddress = '', remotePort }: Socket): Remote {
  const isMapped = remoteAddress.startsWith(IPV4_IN_IPV6);
  return {
    address: isMapped ? remoteAddress.slice(IPV4_IN_IPV6.length) : remoteAddress,
    port: String(remotePort ?? ''),
  };
}
