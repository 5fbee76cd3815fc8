import type { Socket } from 'node:net';
import { clientKey } from '../admit/client-key.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { addressText } from '../inspect/address-text.ts';
import { type ClientAddress, parseAddress } from '../inspect/client-address.ts';
import { type Endpoint, type Forwarded, forwardingFields, readForwarded } from '../inspect/forwarded.ts';
import type { Inspection } from '../inspect/inspect.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { type Arrival, type Remote, remoteOf } from './arrival.ts';
import type { Sender } from './received-request.ts';

/**
 * Who the requests of one connection are from. That is its peer, the other end of the socket; or the source that a PROXY
 * header names for the whole connection; or, of each request anew, whom a trusted proxy names in its fields.
 *
 * Those fields count if whoever sends HTTP here is trusted, so behind a PROXY header its source has to be: a proxy that
 * forwards bytes does not touch the fields in them, and they are the word of its client.
 */
export class Client {
  private readonly socket: Socket;
  private readonly arrival: Arrival;
  private policy: PolicyInForce;
  /** Of a PROXY header. */
  private source: Endpoint | null = null;
  private peerAddress: ClientAddress | undefined;
  /** Undefined while nobody has asked under this policy. */
  private isTrusted: boolean | undefined;
  /** Of the last request whose head came; null where nobody may speak for others. */
  private forwarded: Forwarded | null = null;
  /** Of all requests for which nobody else is named; undefined while nobody has asked. */
  private ownKey: string | null | undefined;
  /** Of the same. */
  private ownPairs: Uint8Array | undefined;

  constructor(socket: Socket, arrival: Arrival, policy: PolicyInForce) {
    this.socket = socket;
    this.arrival = arrival;
    this.policy = policy;
  }

  adopt(policy: PolicyInForce): void {
    this.policy = policy;
    this.isTrusted = undefined;
    this.ownPairs = undefined;
    this.ownKey = undefined;
  }

  /** What a PROXY header said; null: the peer speaks for itself. Before the first request. */
  takeSource(source: Endpoint | null): void {
    this.source = source;
    this.isTrusted = undefined;
    this.ownPairs = undefined;
    this.ownKey = undefined;
  }

  /** Bytes of another request come: what was said of the last one holds no more. */
  forgetRequest(): void {
    this.forwarded = null;
  }

  /** False: a trusted proxy sent a field that is none. The request is the proxy's own then. */
  takeRequest(head: RequestHead, inspection: Inspection): boolean {
    const { proxies } = this.policy;
    inspection.passedForwarding = 0;
    if (proxies === null || !this.speaksForOthers()) return true;
    inspection.passedForwarding = forwardingFields[proxies.fields];
    this.forwarded = readForwarded(head, proxies);
    return !this.forwarded.isMalformed;
  }

  /**
   * Undefined on a Unix socket, which has no addresses at all; null where the kernel has forgotten who it was, or the socket,
   * whose addresses go with its handle.
   */
  get address(): ClientAddress | null | undefined {
    return this.forwarded?.client?.address ?? this.ownAddress;
  }

  /**
   * Under which it is counted and blocked; null: it has no address, or nobody knows it, or it is a trusted proxy that names
   * nobody, and what passes through it is not its own.
   */
  get key(): string | null {
    if (this.forwarded !== null && this.forwarded.client !== null) return this.keyOf(this.forwarded.client.address);
    if (this.ownKey === undefined) this.ownKey = this.speaksForOthers() ? null : this.keyOf(this.ownAddress);
    return this.ownKey;
  }

  private keyOf(address: ClientAddress | null | undefined): string | null {
    return address == null ? null : clientKey(address, this.policy.policy.proxies.ipv6Prefix);
  }

  /** For recordings. */
  get sender(): Sender {
    return { client: this.remote.address, policy: this.policy.policy.name };
  }

  /** For environs and logs. */
  get remote(): Remote {
    const named = this.forwarded?.client ?? this.source;
    return named === null ? remoteOf(this.socket) : { address: addressText(named.address), port: named.port };
  }

  get pairs(): Uint8Array {
    const { forwarded } = this;
    if (forwarded !== null && (forwarded.client ?? forwarded.scheme) !== null) return this.encodePairs();
    this.ownPairs ??= this.encodePairs();
    return this.ownPairs;
  }

  private encodePairs(): Uint8Array {
    const scheme = this.forwarded?.scheme ?? this.arrival.scheme;
    return this.arrival.connectionPairs(this.remote, scheme, this.policy.policy.name);
  }

  private speaksForOthers(): boolean {
    if (this.isTrusted === undefined) {
      const { ownAddress } = this;
      this.isTrusted = ownAddress != null && this.policy.proxies?.addresses.has(ownAddress) === true;
    }
    return this.isTrusted;
  }

  private get ownAddress(): ClientAddress | null | undefined {
    if (this.source !== null) return this.source.address;
    const { remoteAddress, localAddress, destroyed } = this.socket;
    if (remoteAddress === undefined) return localAddress === undefined && !destroyed ? undefined : null;
    this.peerAddress ??= parseAddress(remoteAddress);
    return this.peerAddress ?? null;
  }
}
