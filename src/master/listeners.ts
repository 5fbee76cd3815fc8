import { lookup } from 'node:dns/promises';
import { lchownSync, rmSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { BindAddress } from '../config/bind-address.ts';
import { isStale } from './stale-socket.ts';

/** A socket that is bound and that only edges listen on: the master never accepts, and the port survives every edge. */
export type Listener = {
  /** The address that was asked for, as `addressKey` has it. */
  readonly key: string;
  readonly descriptor: number;
  /** As the start-up line shows it, with the port that the system chose where it was 0. */
  readonly url: string;
  readonly serverName: string;
  readonly serverPort: string;
  /** Ends the master's hold; a Unix socket's file is removed. */
  close(): void;
  /** Ends it where another master has the same socket: its file stays. */
  leave(): void;
};

/** Without the address: what one kind of socket knows of itself. */
type Bound = Omit<Listener, 'key'>;

/** The address cannot be had. `message` is one paragraph for the operator. */
export class BindError extends Error {
  override readonly name = 'BindError';
}

/**
 * `net._createServerHandle` binds without listening, which no public API does (DESIGN 8); this file is the only one that
 * touches it. It returns the negative errno where it fails.
 */
type SocketHandle = {
  readonly fd: number;
  close(): void;
  getsockname?(out: { address?: string; port?: number; family?: string }): number;
};
type CreateServerHandle = (
  address: string | null,
  port: number | null,
  addressType: number | null,
  descriptor?: number,
  flags?: number,
) => SocketHandle | number;
const { _createServerHandle: createServerHandle } = net as unknown as {
  readonly _createServerHandle: CreateServerHandle;
};

/** Of Unix sockets: whose they become, and which mode bits they do not get; null: as whoever started us has it. */
export type SocketAccess = {
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly umask: number | null;
};
const unchanged: SocketAccess = { owner: null, umask: null };

/** Binds all or none. Throws `BindError`. */
export function bindListeners(
  addresses: readonly BindAddress[],
  access: SocketAccess = unchanged,
): Promise<readonly Listener[]> {
  return rebindListeners([], addresses, access);
}

/** Those of `current` that are asked for are taken as they are, the others left alone. Binds the rest or none. Throws `BindError`. */
export async function rebindListeners(
  current: readonly Listener[],
  addresses: readonly BindAddress[],
  access: SocketAccess,
): Promise<readonly Listener[]> {
  const left = [...current];
  const listeners: Listener[] = [];
  const bound: Listener[] = [];
  try {
    for (const address of addresses) {
      const key = addressKey(address);
      const index = left.findIndex((listener) => listener.key === key);
      const [known] = index === -1 ? [] : left.splice(index, 1);
      const listener = known ?? { ...(await bind(address, access)), key };
      if (known === undefined) bound.push(listener);
      listeners.push(listener);
    }
    return listeners;
  } catch (error) {
    for (const listener of bound) listener.close();
    throw error;
  }
}

/** The same for two ways of writing one address. A port of 0 is asked for once, and had from then on. */
export function addressKey(address: BindAddress): string {
  if (address.kind === 'tcp') return `tcp ${address.host} ${address.port}`;
  return address.kind === 'unix' ? `unix ${address.path}` : `descriptor ${address.descriptor}`;
}

function bind(address: BindAddress, access: SocketAccess): Promise<Bound> {
  if (address.kind === 'tcp') return bindTcp(address.host, address.port);
  if (address.kind === 'unix') return bindUnix(address.path, access);
  return adopt(address.descriptor);
}

async function bindTcp(host: string, port: number): Promise<Bound> {
  const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const { address, family } = await resolve(host, shown);
  const handle = createServerHandle(address, port, family, undefined, 0);
  if (typeof handle === 'number') throw new BindError(tcpProblem(shown, port, errorName(handle)));
  const bound = socketName(handle);
  if (typeof bound === 'string') {
    handle.close();
    throw new BindError(tcpProblem(shown, port, bound));
  }
  return tcpListener(handle, bound);
}

async function resolve(host: string, shown: string): Promise<{ readonly address: string; readonly family: number }> {
  const family = net.isIP(host);
  if (family !== 0) return { address: host, family };
  try {
    // IPv4 first: `localhost` is where people will look for it.
    return await lookup(host, { verbatim: false });
  } catch {
    throw new BindError(`Cannot listen at ${shown}: the name ${host} has no address.`);
  }
}

/** The bound address, or the name of the error: libuv reports a port in use only here, after a bind that "worked". */
function socketName(handle: SocketHandle): { readonly address: string; readonly port: number } | string {
  const out: { address?: string; port?: number } = {};
  const status = handle.getsockname?.(out) ?? 0;
  if (status !== 0) return errorName(status);
  return { address: out.address ?? '', port: out.port ?? 0 };
}

function tcpListener(handle: SocketHandle, bound: { readonly address: string; readonly port: number }): Bound {
  const host = bound.address.includes(':') ? `[${bound.address}]` : bound.address;
  return {
    descriptor: handle.fd,
    url: `http://${host}:${bound.port}`,
    serverName: bound.address,
    serverPort: String(bound.port),
    close: () => handle.close(),
    leave: () => handle.close(),
  };
}

function tcpProblem(shown: string, port: number, error: string): string {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there already. Stop it, or choose another address with --bind',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES:
      port > 0 && port < 1024
        ? 'ports below 1024 need a privilege: choose a higher one with --bind, or grant CAP_NET_BIND_SERVICE'
        : 'the system does not permit it',
    EAFNOSUPPORT: 'this machine has no addresses of that kind',
  };
  return `Cannot listen at ${shown}: ${reasons[error] ?? error} (${error}).`;
}

/**
 * A file that a dead server left behind is replaced; one where somebody answers, or that is no socket at all, never.
 */
async function bindUnix(path: string, access: SocketAccess): Promise<Bound> {
  let handle = createUnixHandle(path, access.umask);
  if (typeof handle === 'number' && errorName(handle) === 'EADDRINUSE' && (await isStale(path))) {
    unlinkSync(path);
    handle = createUnixHandle(path, access.umask);
  }
  if (typeof handle === 'number') throw new BindError(unixProblem(path, errorName(handle)));
  if (access.owner !== null) lchownSync(path, access.owner.uid, access.owner.gid);
  return unixListener(handle, `unix:${path}`);
}

/** The mode is there with the file: no moment in which a socket is open to more than it shall be. */
function createUnixHandle(path: string, umask: number | null): SocketHandle | number {
  if (umask === null) return createServerHandle(path, -1, -1);
  const before = process.umask(umask);
  try {
    return createServerHandle(path, -1, -1);
  } finally {
    process.umask(before);
  }
}

function unixProblem(path: string, error: string): string {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there already, or the path is no socket',
    // libuv says EACCES for ENOENT as well.
    EACCES: 'its directory does not exist or is not writable for this user',
  };
  return `Cannot listen at unix:${path}: ${reasons[error] ?? error} (${error}).`;
}

/** A Unix socket has neither name nor port; PEP 3333 wants both, and no client may choose them. */
function unixListener(handle: SocketHandle, url: string): Bound {
  return {
    descriptor: handle.fd,
    url,
    serverName: 'localhost',
    serverPort: '80',
    // libuv removes the file where it has made it.
    close: () => handle.close(),
    leave: () => {},
  };
}

/** A socket of the master that this one takes over from, asked for by the address of that key. Throws `BindError`. */
export async function inheritListener(key: string, descriptor: number): Promise<Listener> {
  const bound = await adopt(descriptor);
  const path = /^unix (.*)$/s.exec(key)?.[1];
  if (path === undefined) return { ...bound, key };
  // Once: listeners close when a drain begins and when it is over, and in between the path may be another server's.
  let isOurs = true;
  const close = (): void => {
    bound.close();
    if (isOurs) rmSync(path, { force: true });
    isOurs = false;
  };
  return { ...bound, key, url: `unix:${path}`, close };
}

/** A socket that whoever started us has bound: descriptor N of this process. */
async function adopt(descriptor: number): Promise<Bound> {
  const refuse = (reason: string): never => {
    throw new BindError(`Cannot listen at fd://${descriptor}: ${reason}.`);
  };
  let handle: SocketHandle | number;
  try {
    handle = createServerHandle(null, null, null, descriptor);
  } catch {
    return refuse('the descriptor is not open, or is no socket');
  }
  if (typeof handle === 'number') return refuse(`the descriptor is not open, or is no socket (${errorName(handle)})`);
  if (handle.getsockname === undefined) return unixListener(handle, `fd://${descriptor}`);
  const bound = socketName(handle);
  if (typeof bound !== 'string') return tcpListener(handle, bound);
  handle.close();
  return refuse(`it is not a bound socket (${bound})`);
}

function errorName(status: number): string {
  return getSystemErrorName(status);
}
