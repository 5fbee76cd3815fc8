import { parseAddress } from '../inspect/client-address.ts';
import { clientKey } from './client-key.ts';

/**
 * The key of a client that a person names: by an address, or by its key (`2001:db8:1:2::/64`). Undefined for all else, also
 * for a block that is no client.
 */
export function namedClient(text: string, ipv6Prefix: number): string | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const key = clientKey(address, ipv6Prefix);
  return slash === -1 || key === text ? key : undefined;
}
