import type { Preamble, PreambleReading } from '../connection/preamble.ts';
import { parseAddress } from '../inspect/client-address.ts';
import type { TrustedProxies } from '../inspect/forwarded.ts';
import { type ProxyVersion, readProxyHeader } from './proxy-protocol.ts';

const NOTHING = new Uint8Array(0);

/** As far as a socket tells who is at its other end: a Unix socket has neither. */
type Socket = { readonly remoteAddress?: string | undefined; readonly localAddress?: string | undefined };

/**
 * What a connection begins with; null: with its first request. Decided before a byte of it is read. Undefined where that
 * cannot be known: the peer has reset its connection, as HAProxy's health checks do behind their header, and the kernel has
 * forgotten who it was.
 */
export function preambleFrom(
  socket: Socket,
  protocol: ProxyVersion | 'off',
  proxies: TrustedProxies | null,
): Preamble | null | undefined {
  if (protocol === 'off' || proxies === null) return null;
  // Asked only here: it is a call into the kernel.
  const { remoteAddress } = socket;
  if (remoteAddress === undefined) return socket.localAddress === undefined ? null : undefined;
  const address = parseAddress(remoteAddress);
  return address !== undefined && proxies.addresses.has(address) ? new ProxyPreamble(protocol) : null;
}

/** The PROXY header of one connection, however the network has cut it. Keeps less than the longest header. */
export class ProxyPreamble implements Preamble {
  readonly #version: ProxyVersion;
  #kept = NOTHING;

  constructor(version: ProxyVersion) {
    this.#version = version;
  }

  receive(bytes: Uint8Array): PreambleReading {
    const before = this.#kept.length;
    const all = before === 0 ? bytes : Buffer.concat([this.#kept, bytes]);
    const header = readProxyHeader(all, this.#version);
    switch (header.type) {
      case 'incomplete':
        this.#kept = Uint8Array.from(all);
        return header;
      case 'malformed':
        return header;
      case 'complete':
        return { type: 'complete', source: header.source, rest: bytes.subarray(header.length - before) };
    }
  }
}
