import { type ClientAddress, parseAddress } from '../inspect/client-address.ts';
import { encodePairs } from '../upstream/environ.ts';
import { type Mount, mountAt } from '../upstream/mount.ts';

/** Who sends a request, and to where: `pairs` is what environs of a connection have in common. */
export type Arriving = {
  readonly client: ClientAddress | undefined;
  readonly mount: Mount;
  readonly pairs: Uint8Array;
};

/** An address of TEST-NET-1 (RFC 5737). */
export const nobody = '192.0.2.1';

/** A connection from this address to a server that is named as RFC 2606 has it for examples. */
export function arrivalFrom(address: string, policyName: string, mount: Mount = mountAt('')): Arriving {
  const pairs = encodePairs([
    ['SERVER_NAME', 'server.example'],
    ['SERVER_PORT', '80'],
    ['wsgi.url_scheme', 'http'],
    ['portcullis.policy', policyName],
    ['REMOTE_ADDR', address],
    ['REMOTE_PORT', '54321'],
  ]);
  return { client: parseAddress(address), mount, pairs: Buffer.from(pairs, 'latin1') };
}
