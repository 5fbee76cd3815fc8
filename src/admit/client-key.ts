import { addressText } from '../inspect/address-text.ts';
import { type ClientAddress, hostMask } from '../inspect/client-address.ts';

const GROUPS = 8;
const IPV6_BITS = 128;

/**
 * Under which name a client is counted and blocked: `192.0.2.7`, or `2001:db8:1:2::/64`. Whoever has an IPv6 address has
 * all of its network, mostly a /64 (RFC 6177 section 2): counted one by one, 2^64 addresses would be as many clients. The
 * text is a block that `parseBlock` reads, and the same for every address in it. `ipv6Prefix` is 1 to 128.
 */
export function clientKey(address: ClientAddress, ipv6Prefix: number): string {
  if (address.family === 'ipv4') return addressText(address);
  const { words } = address;
  const groups = Math.ceil(ipv6Prefix / 16);
  let text = '';
  for (let index = 0; index < groups; index++) {
    const word = (words[index >> 1] ?? 0) & ~hostMask(ipv6Prefix, index >> 1);
    const group = index % 2 === 0 ? word >>> 16 : word & 0xffff;
    text += index === 0 ? group.toString(16) : `:${group.toString(16)}`;
  }
  if (groups < GROUPS) return `${text}::/${ipv6Prefix}`;
  return ipv6Prefix === IPV6_BITS ? text : `${text}/${ipv6Prefix}`;
}

/** A client, by its key, and its connections. */
export type ClientCount = readonly [client: string, count: number];
