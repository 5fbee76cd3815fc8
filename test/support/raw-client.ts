import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { within } from './deadline.ts';

/** A client that sends exactly the bytes it is told to and keeps all that comes back. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is closed, with everything received; a reset counts as a close. */
  readonly closed: Promise<Buffer>;
  #received: Buffer[] = [];
  #closed = false;
  #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#received.push(bytes);
      for (const check of this.#waiting) check();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#closed = true;
        for (const check of this.#waiting) check();
        resolve(this.received);
      });
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Everything received once `pattern` is in it (as latin1); fails if the connection closes first. */
  async receive(pattern: RegExp, milliseconds = 30_000): Promise<string> {
    const found = new Promise<string>((resolve, reject) => {
      const check = (): void => {
        const text = this.received.toString('latin1');
        if (pattern.test(text)) resolve(text);
        else if (this.#closed) reject(new Error(`closed without ${pattern}: ${JSON.stringify(text)}`));
        else return;
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
      check();
    });
    return within(milliseconds, found, () => `no ${pattern} in ${JSON.stringify(this.received.toString('latin1'))}`);
  }

  /** Everything received until the peer closed. */
  async receiveAll(milliseconds = 30_000): Promise<string> {
    const all = await within(milliseconds, this.closed, () => `not closed after ${this.received.length} bytes`);
    return all.toString('latin1');
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Connected to a port of 127.0.0.1 or to a Unix socket; fails where the connect is refused. */
export async function connectRaw(
  target: number | string,
  options: { readonly allowHalfOpen?: boolean; readonly localAddress?: string } = {},
) {
  const address: NetConnectOpts = typeof target === 'number' ? { port: target, host: '127.0.0.1' } : { path: target };
  const socket = connect({ ...address, noDelay: true, ...options });
  await once(socket, 'connect');
  return new RawClient(socket);
}

/** Sends the bytes on a connection of their own and gives back everything until the server closes it. */
export async function exchangeRaw(target: number | string, bytes: string | Uint8Array): Promise<string> {
  const client = await connectRaw(target);
  client.send(bytes);
  return client.receiveAll().finally(() => client.destroy());
}
