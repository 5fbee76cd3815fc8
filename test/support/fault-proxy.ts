import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that can make what passes it late, in either direction. It reads all there is: nothing slows the sender. */
export class FaultProxy {
  /** Of what is read from now on. */
  delayMs = 0;
  /** Connections so far. */
  accepted = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      this.accepted += 1;
      const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
      this.#pass(client, target);
      this.#pass(target, client);
    });
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    let before = Promise.resolve();
    from.on('data', (bytes: Buffer) => {
      const due = after(this.delayMs);
      // A delay that ends early overtakes nothing.
      before = before.then(() => due).then(() => void to.write(bytes));
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

function after(milliseconds: number): Promise<void> {
  return milliseconds === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, milliseconds));
}
