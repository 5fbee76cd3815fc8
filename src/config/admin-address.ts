import { BlockList, isIP } from 'node:net';
import { resolve } from 'node:path';
import { type BindAddress, parseBindAddress } from './bind-address.ts';
import { ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';

/** Where `/metrics`, `/healthz` and `/readyz` are served: never on a listener of the application. */
export type AdminAddress = Extract<BindAddress, { readonly kind: 'tcp' | 'unix' }>;

/** An address that is wider than it looks is refused: `:9000` would be all addresses. Throws `ConfigError`. */
export function parseAdminAddress(text: string, origin: string): AdminAddress {
  const refuse = (reason: string): never => {
    throw new ConfigError(
      `${origin}: metrics cannot be served at ${JSON.stringify(text)}: ${reason}. ` +
        'The address is host:port, [IPv6 address]:port or unix:path.',
    );
  };
  if (text.startsWith(':'))
    return refuse('it would be all addresses of this machine; write 0.0.0.0 where you mean that');
  const address = parseBindAddress(text, origin);
  if (address.kind === 'descriptor') return refuse('a descriptor cannot be used here');
  if (address.kind === 'tcp' && !/(?:^|:)\d+$/.test(text)) return refuse('the port is missing');
  return address;
}

/** Null: nobody asked for it. Throws `ConfigError` where clients of the application would find it. */
export function adminFrom(
  { admin }: GivenSettings,
  binds: readonly BindAddress[],
  directory: string,
): AdminAddress | null {
  if (admin === undefined) return null;
  const { value, origin } = admin;
  const address: AdminAddress = value.kind === 'unix' ? { kind: 'unix', path: resolve(directory, value.path) } : value;
  const isPublic = binds.some((bind) =>
    address.kind === 'unix' ? isSamePath(address.path, bind) : isSamePort(address, bind),
  );
  if (isPublic) throw new ConfigError(`${origin}: the application is served at that address; --admin needs its own.`);
  return address;

  function isSamePath(path: string, bind: BindAddress): boolean {
    return bind.kind === 'unix' && resolve(directory, bind.path) === path;
  }
}

function isSamePort(address: AdminAddress & { readonly kind: 'tcp' }, bind: BindAddress): boolean {
  if (bind.kind !== 'tcp' || bind.port !== address.port || bind.port === 0) return false;
  return bind.host === address.host || [bind.host, address.host].some((host) => isIP(host) !== 0 && isWildcard(host));
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whoever reaches the machine reaches it there: allowed, since probes of Kubernetes come from outside, and said at start. */
export function adminWarnings(address: AdminAddress | null): readonly string[] {
  if (address?.kind !== 'tcp') return [];
  const { host, port } = address;
  const family = isIP(host);
  const isLocal = family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
  if (isLocal) return [];
  const where = isWildcard(host) ? 'all addresses of this machine' : `${host}, which is no loopback address`;
  return [`Metrics are served at ${where}, port ${port}: without a password, to whoever can connect`];
}

function isWildcard(host: string): boolean {
  return /^[0.]+$/.test(host) || /^[0:]+$/.test(host);
}
