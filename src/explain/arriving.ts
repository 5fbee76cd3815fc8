import { addressText } from '../inspect/address-text.ts';
import { type ClientAddress, parseAddress } from '../inspect/client-address.ts';
import type { Forwarded } from '../inspect/forwarded.ts';
import { encodePairs } from '../upstream/environ.ts';
import { type Mount, mountAt } from '../upstream/mount.ts';

/** Who sends a request, and to where. */
export type Arriving = {
  /** Undefined for a Unix socket. */
  readonly peer: ClientAddress | undefined;
  readonly mount: Mount;
  /** What environs of a connection have in common. `forwarded` is what its peer, if it is trusted, says of the request. */
  pairs(forwarded: Forwarded | null): Uint8Array;
};

/** An address of TEST-NET-1 (RFC 5737). */
export const nobody = '192.0.2.1';

/** A connection from this address to a server that is named as RFC 2606 has it for examples. */
export function arrivalFrom(address: string, policyName: string, mount: Mount = mountAt('')): Arriving {
  const pairs = (forwarded: Forwarded | null): Uint8Array => {
    const client = forwarded?.client ?? null;
    const text = encodePairs([
      ['SERVER_NAME', 'server.example'],
      ['SERVER_PORT', '80'],
      ['wsgi.url_scheme', forwarded?.scheme ?? 'http'],
      ['portcullis.policy', policyName],
      ['REMOTE_ADDR', client === null ? address : addressText(client.address)],
      ['REMOTE_PORT', client === null ? '54321' : client.port],
    ]);
    return Buffer.from(text, 'latin1');
  };
  return { peer: parseAddress(address), mount, pairs };
}
