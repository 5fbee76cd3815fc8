import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import type { UwsgiAddress } from '../../src/worker/uwsgi-target.ts';
import { Changes } from '../support/changes.ts';

export type ReadPacket = {
  readonly modifiers: readonly [number, number];
  readonly variables: Readonly<Record<string, string>>;
  /** Where the content begins. */
  readonly end: number;
};

/** A packet as a server reads it, which shares nothing with how ours are written. */
export function readPacket(bytes: Buffer): ReadPacket {
  const end = 4 + bytes.readUInt16LE(1);
  const variables: Record<string, string> = {};
  for (let at = 4; at < end; ) {
    const [key, value] = [0, 1].map(() => {
      const start = at + 2;
      at = start + bytes.readUInt16LE(at);
      return bytes.toString('latin1', start, at);
    });
    variables[key ?? ''] = value ?? '';
  }
  return { modifiers: [bytes.readUInt8(0), bytes.readUInt8(3)], variables, end };
}

/** One connection that an upstream has accepted: the request on it, and the test's answer. */
export class UpstreamConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  readonly #changes = new Changes();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#changes.happened();
    });
  }

  get packet(): ReadPacket {
    return readPacket(this.#received);
  }

  get isPing(): boolean {
    return this.#received[0] === 100;
  }

  get contentBytes(): number {
    return this.#received.length - this.packet.end;
  }

  get content(): string {
    return this.#received.toString('latin1', this.packet.end);
  }

  /** The packet and so much content are here. */
  async received(contentBytes = 0): Promise<this> {
    await this.#until(() => this.#received.length >= 4 && this.#received.length >= this.packet.end + contentBytes);
    return this;
  }

  answer(text: string): void {
    this.socket.end(Buffer.from(text, 'latin1'));
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  #until(holds: () => boolean): Promise<void> {
    return this.#changes.until(holds, 10_000, () => `only ${this.#received.length} bytes came`);
  }
}

/** A uWSGI server whose answers the test gives. Pings are answered, and not shown. */
export class Upstream {
  /** Requests that came, pings left out. */
  readonly connections: UpstreamConnection[] = [];
  pings = 0;
  #server: Server | null = null;
  #port = 0;
  readonly #sockets = new Set<Socket>();
  readonly #changes = new Changes();

  async start(): Promise<this> {
    const server = createServer({ allowHalfOpen: true }, (socket) => void this.#accept(socket));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  address(options: Partial<UwsgiAddress> = {}): UwsgiAddress {
    return {
      place: { host: '127.0.0.1', port: this.#port },
      weight: 1,
      bufferBytes: 4096,
      maxVariables: 128,
      connections: 100,
      ...options,
    };
  }

  /** The `count`-th request that came, once its packet is here. */
  async request(count = 1): Promise<UpstreamConnection> {
    await this.until(() => this.connections.length >= count, `no request ${count}`);
    return this.connections[count - 1] as UpstreamConnection;
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    await this.#changes.until(holds, 10_000, () => what);
  }

  /** Nobody listens any more; what was accepted is reset. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    if (server === null) return;
    server.close();
    await once(server, 'close');
  }

  async #accept(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    const connection = new UpstreamConnection(socket);
    await connection.received().catch(() => socket.destroy());
    if (connection.isPing) {
      this.pings += 1;
      socket.end(Buffer.from([100, 0, 0, 1]));
    } else {
      this.connections.push(connection);
    }
    this.#changes.happened();
  }
}
