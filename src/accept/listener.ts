import { createServer, type Server, Socket } from 'node:net';
import type { Arrival } from '../connection/arrival.ts';
import { Connection } from '../connection/connection.ts';
import type { Edge } from '../connection/edge-context.ts';
import { PrefixViews } from '../http1/prefix-views.ts';

/** One socket that the master has bound, and how its requests are named in environs. */
export type BoundSocket = { readonly descriptor: number; readonly arrival: Arrival };

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
export class Listener {
  private readonly edge: Edge;
  private readonly servers: Server[] = [];
  private readonly connections = new Set<Connection>();
  private readonly reads = new PrefixViews(Buffer.allocUnsafeSlow(READ_BYTES));
  private onEmpty: (() => void) | undefined;

  constructor(edge: Edge) {
    this.edge = edge;
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

  /** Accepts no more; resolves when the last connection has ended. */
  drain(): Promise<void> {
    for (const server of this.servers) server.close();
    for (const connection of this.connections) connection.drain();
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
    const { max } = this.edge.policy.connections;
    if (this.connections.size >= max) {
      this.edge.log.limited('connections.too-many', `Closed a connection: connections.too-many (${max} are open)`);
      handle.close();
      return;
    }
    handle.setNoDelay?.(true);
    const socket: Socket = new Socket({
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: this.reads.bytes,
        callback: (length: number) => connection.receive(this.reads.of(length)),
      },
    } as ConstructorParameters<typeof Socket>[0]);
    const connection = new Connection(this.edge, socket, arrival, (closed) => this.forget(closed));
    this.connections.add(connection);
    socket.on('end', () => connection.receiveEnd());
    socket.on('close', () => connection.closed());
    // A reset by the client is no fault of ours, and `close` follows.
    socket.on('error', () => {});
  }

  private forget(connection: Connection): void {
    this.connections.delete(connection);
    if (this.connections.size === 0) this.onEmpty?.();
  }
}
