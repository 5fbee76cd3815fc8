import { connect, type Socket } from 'node:net';

const BYTES_PER_SECOND = 10 * 1024;
const TICK_MS = 100;
const BYTES_PER_TICK = (BYTES_PER_SECOND * TICK_MS) / 1000;
/** Three seconds of an upload, then a download for as long as it is looked at. */
const UPLOAD_BYTES = 3 * BYTES_PER_SECOND;

const head = Buffer.from(
  `POST /exchange HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`,
  'latin1',
);
const piece = Buffer.alloc(BYTES_PER_TICK, 'u');

/** Clients that send and read 10 KB a second, and begin anew where the server ends the connection. */
export class SlowClients {
  readonly #port: number;
  readonly #clients: SlowClient[];
  readonly #timer: NodeJS.Timeout;

  constructor(port: number, count: number) {
    this.#port = port;
    this.#clients = Array.from({ length: count }, () => new SlowClient(this.#port));
    this.#timer = setInterval(() => {
      for (const client of this.#clients) client.tick();
    }, TICK_MS);
  }

  /** Bytes of answers that came so far. */
  get received(): number {
    return this.#clients.reduce((sum, client) => sum + client.received, 0);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.close();
  }
}

class SlowClient {
  readonly #port: number;
  #socket: Socket | undefined;
  #sent = 0;
  received = 0;

  constructor(port: number) {
    this.#port = port;
  }

  tick(): void {
    const socket = this.#socket ?? this.#connect();
    if (this.#sent < UPLOAD_BYTES) {
      socket.write(piece);
      this.#sent += piece.length;
    } else if (socket.read(BYTES_PER_TICK) !== null) {
      this.received += BYTES_PER_TICK;
    }
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#sent = 0;
  }

  #connect(): Socket {
    // Not flowing: beyond some 64 KiB bytes stay with the kernel, and then with the server.
    const socket = connect({ port: this.#port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (socket === this.#socket) this.close();
    });
    socket.write(head);
    this.#socket = socket;
    return socket;
  }
}
