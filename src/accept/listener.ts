import { createServer, type Server, Socket } from 'node:net';
import type { ClientCount } from '../admit/client-key.ts';
import type { Arrival } from '../connection/arrival.ts';
import { Client } from '../connection/client.ts';
import { Connection, type ConnectionOwner } from '../connection/connection.ts';
import type { Edge } from '../connection/edge-context.ts';
import type { State } from '../connection/state.ts';
import { PrefixViews } from '../http1/prefix-views.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import { ClientCounts } from './client-counts.ts';
import { preambleFrom } from './proxy-preamble.ts';

/** One socket that the master has bound, and how its requests are named in environs. */
export type BoundSocket = { readonly descriptor: number; readonly arrival: Arrival };

const noConnections: Readonly<Record<State, number>> = {
  idle: 0,
  'receiving-head': 0,
  'receiving-content': 0,
  responding: 0,
  refusing: 0,
  lingering: 0,
  closed: 0,
};

/** Connections that are looked at for one that is idle. */
const LOOKED_AT = 32;
/** Bytes of one read. All connections of a process share one buffer: whoever reads uses the bytes before the next read. */
const READ_BYTES = 65536;

/**
 * What `net.Server` keeps to itself. Node makes a stream with a buffer of its own for each read of an accepted socket;
 * only a socket that is constructed with `onread` reads into a given buffer, which here is a third of the whole cost of a
 * request. So connections are taken from the handle. The one use of this internal; it is checked at start.
 */
type ListeningHandle = { onconnection: (status: number, handle: AcceptedHandle | undefined) => void };
type AcceptedHandle = { close(): void; setNoDelay?(enable: boolean): void };

/** Accepts clients on all listeners of an edge, up to the policy's number of connections. */
export class Listener implements ConnectionOwner {
  private readonly edge: Edge;
  private readonly servers: Server[] = [];
  /** Each with the client under which it is counted, if it is. */
  private readonly connections = new Map<Connection, string | null>();
  private readonly clients: ClientCounts;
  private readonly onread = readsInto(new PrefixViews(Buffer.allocUnsafeSlow(READ_BYTES)));
  private onEmpty: (() => void) | undefined;

  /** `tellCounts` hears of clients whose number of connections has changed. */
  constructor(edge: Edge, tellCounts: (counts: readonly ClientCount[]) => void) {
    this.edge = edge;
    this.clients = new ClientCounts(tellCounts);
  }

  /** Resolves when the socket listens. `backlog` is given as its own argument: inside the options Node resets it. */
  listen(socket: BoundSocket, backlog: number): Promise<void> {
    const server = createServer();
    this.servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd: socket.descriptor }, backlog, () => {
        server.off('error', reject);
        this.takeConnections(server, socket.arrival);
        resolve();
      });
    });
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** What the other edges have of these clients, and of whom too many were let in at the same moment. */
  learnCounts(others: readonly ClientCount[], surplus: readonly ClientCount[]): void {
    this.clients.learn(others);
    for (const [client, most] of surplus) {
      const { maxPerClient } = this.edge.policy.policy.connections;
      this.closeNewest(client, Math.min(most, this.clients.excess(client, maxPerClient)));
    }
  }

  private closeNewest(client: string, count: number): void {
    if (count === 0) return;
    const own = [...this.connections].flatMap(([connection, counted]) => (counted === client ? [connection] : []));
    for (const connection of own.slice(-count)) {
      // It has closed a turn later, and must not be counted until then.
      this.connections.set(connection, null);
      this.clients.giveBack(client);
      connection.cut();
    }
    this.edge.offences.note(client, 'tooMany');
    this.logTooMany(`${client} has ${count} too many with all edges together`);
  }

  /** How many connections are in each state. */
  get connectionsByState(): Readonly<Record<State, number>> {
    const counts = { ...noConnections };
    for (const connection of this.connections.keys()) counts[connection.currentState] += 1;
    return counts;
  }

  /** Accepts no more; resolves when the last connection has ended. */
  drain(): Promise<void> {
    for (const server of this.servers) server.close();
    for (const connection of this.connections.keys()) connection.drain();
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onEmpty = resolve;
    });
  }

  private takeConnections(server: Server, arrival: Arrival): void {
    const handle = (server as unknown as { readonly _handle?: ListeningHandle })._handle;
    if (typeof handle?.onconnection !== 'function') throw new Error('this Node hides its listening handle');
    handle.onconnection = (status, accepted) => {
      if (status !== 0 || accepted === undefined) {
        this.edge.log.limited('accept', `A connection could not be accepted (${status})`, 'warning');
        return;
      }
      this.accept(accepted, arrival);
    };
  }

  private accept(handle: AcceptedHandle, arrival: Arrival): void {
    const { policy: inForce } = this.edge;
    const { proxies, policy } = inForce;
    handle.setNoDelay?.(true);
    const socket = new ClientSocket(handle, this.onread);
    const preamble = preambleFrom(socket, policy.proxies.protocol, proxies);
    if (preamble === undefined) {
      socket.destroy();
      return;
    }
    const client = new Client(socket, arrival, inForce);
    const counted = client.key;
    const excess = this.countFor(counted);
    if (excess !== null) {
      socket.destroy();
      return this.logTooMany(excess.detail);
    }
    // Not before: a client that may have no more would end the connections of others for nothing.
    if (this.connections.size >= policy.connections.max && !this.makeRoomFor(counted)) {
      socket.destroy();
      if (counted !== null) this.clients.giveBack(counted);
      return this.logTooMany(`${policy.connections.max} are open`);
    }
    socket.connection = new Connection(this.edge, socket, client, preamble, this);
    this.connections.set(socket.connection, counted);
    this.edge.meter?.accepted();
  }

  /** Nobody gives way to a client that would only be told that it is blocked. */
  private makeRoomFor(client: string | null): boolean {
    const { blocked } = this.edge;
    return (client === null || blocked.refusalOf(client) === null) && this.makeRoom();
  }

  /**
   * Ends the connection of somebody who has his response and may come back: whoever comes now has none. A few are looked at,
   * those that were accepted first before the others, and go behind them where they are busy.
   */
  private makeRoom(): boolean {
    let looked = 0;
    for (const [connection, counted] of this.connections) {
      if (connection.closeIfIdle()) return true;
      if (looked++ === LOOKED_AT) return false;
      this.connections.delete(connection);
      this.connections.set(connection, counted);
    }
    return false;
  }

  private logTooMany(why: string): void {
    this.edge.meter?.refused('connections.too-many');
    this.edge.log.limited('connections.too-many', `Closed a connection: connections.too-many (${why})`);
  }

  /** Null: there is room for one more of this client, and it is counted. */
  private countFor(client: string | null): Rejection | null {
    const { maxPerClient } = this.edge.policy.policy.connections;
    if (client === null || this.clients.take(client, maxPerClient)) return null;
    this.edge.offences.note(client, 'tooMany');
    return reject('connections.too-many', `${client} has ${maxPerClient}`);
  }

  identified(connection: Connection): Rejection | null {
    const { clientKey } = connection;
    const excess = this.countFor(clientKey);
    if (excess === null) this.connections.set(connection, clientKey);
    return excess;
  }

  closed(connection: Connection): void {
    const counted = this.connections.get(connection);
    if (counted != null) this.clients.giveBack(counted);
    this.connections.delete(connection);
    if (this.connections.size === 0) this.onEmpty?.();
  }
}

/** How an accepted socket reads: into the one buffer, straight to its connection. */
type OnRead = { readonly buffer: Uint8Array; readonly callback: (this: ClientSocket, length: number) => boolean };

function readsInto(reads: PrefixViews<Buffer>): OnRead {
  return {
    buffer: reads.bytes,
    callback(length) {
      return this.connection?.receive(reads.of(length)) ?? true;
    },
  };
}

/** A client's socket, whose events lead to its connection without a closure for each. */
class ClientSocket extends Socket {
  connection: Connection | undefined;

  constructor(handle: AcceptedHandle, onread: OnRead) {
    super({ handle, allowHalfOpen: true, onread } as ConstructorParameters<typeof Socket>[0]);
    this.on('end', onEnd);
    this.on('close', onClose);
    // A reset by the client is no fault of ours, and `close` follows.
    this.on('error', ignore);
  }
}

function onEnd(this: ClientSocket): void {
  this.connection?.receiveEnd();
}

function onClose(this: ClientSocket): void {
  this.connection?.closed();
}

function ignore(): void {}
