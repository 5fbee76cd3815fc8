import type { Socket } from 'node:net';
import { encodePairs } from '../upstream/environ.ts';

/** Where a connection came in, as far as environs tell: from the listener or the configuration, never from Host. */
export type Arrival = { readonly serverName: string; readonly serverPort: string; readonly policyName: string };

const IPV4_IN_IPV6 = '::ffff:';

/** What all environs of a connection have in common, encoded once. */
export function connectionPairs(arrival: Arrival, socket: Socket): Uint8Array {
  const address = socket.remoteAddress ?? '';
  return encodePairs([
    ['SERVER_NAME', arrival.serverName],
    ['SERVER_PORT', arrival.serverPort],
    ['REMOTE_ADDR', address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address],
    ['REMOTE_PORT', socket.remotePort === undefined ? '' : String(socket.remotePort)],
    ['wsgi.url_scheme', 'http'],
    ['portcullis.policy', arrival.policyName],
  ]);
}
