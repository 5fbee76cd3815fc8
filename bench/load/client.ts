import { connect, type Socket } from 'node:net';
import { readResponse } from './read-response.ts';

/** What is asked again and again, and the one answer that counts. */
export type Exercise = {
  readonly port: number;
  readonly request: Buffer;
  readonly content: string;
  /** Where it comes from, where that matters: any address of 127.0.0.0/8. */
  readonly localAddress?: string;
};

/** All clients of the process read into it, one after the other: whoever reads uses the bytes at once. */
const readBuffer = Buffer.allocUnsafeSlow(65536);

/**
 * One connection with one request under way at a time, over a raw socket: a load generator should cost less than the
 * server. Every response is compared. Connects when there is something to send, anew where the server has closed.
 */
export class Client {
  readonly #exercise: Exercise;
  readonly #onResponse: () => void;
  readonly #onFailure: (error: Error) => void;
  #socket: Socket | undefined;
  #received = '';
  #isWaiting = false;

  constructor(exercise: Exercise, onResponse: () => void, onFailure: (error: Error) => void) {
    this.#exercise = exercise;
    this.#onResponse = onResponse;
    this.#onFailure = onFailure;
  }

  send(): void {
    this.#isWaiting = true;
    this.#socket ??= this.#connect();
    this.#socket.write(this.#exercise.request);
  }

  /** After its first request, until one side closes. */
  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  close(): void {
    this.#isWaiting = false;
    this.#drop();
  }

  #connect(): Socket {
    const { port, localAddress } = this.#exercise;
    const socket: Socket = connect({
      port,
      host: '127.0.0.1',
      ...(localAddress !== undefined && { localAddress }),
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length) => this.#receive(socket, length) },
    });
    socket.on('error', (error) => this.#lost(socket, error));
    socket.on('close', () => this.#lost(socket, new Error('the server closed the connection instead of answering')));
    return socket;
  }

  #receive(socket: Socket, length: number): boolean {
    if (socket !== this.#socket) return false;
    if (!this.#isWaiting) this.#fail(new Error('an answer that nobody asked for'));
    else this.#read(readBuffer.toString('latin1', 0, length));
    return true;
  }

  #read(bytes: string): void {
    try {
      this.#received += bytes;
      const response = readResponse(this.#received);
      if (response === undefined) return;
      this.#received = '';
      const { status, content, keepAlive } = response;
      if (status !== 200) throw new Error(`status ${status} instead of 200`);
      if (content !== this.#exercise.content) throw new Error(`wrong content: ${JSON.stringify(content.slice(0, 80))}`);
      if (!keepAlive) this.#drop();
      this.#isWaiting = false;
    } catch (error) {
      return this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    this.#onResponse();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#received = '';
    socket?.destroy();
  }

  /** Between two requests a server may close whenever it likes. */
  #lost(socket: Socket, error: Error): void {
    if (socket !== this.#socket) return;
    this.#drop();
    if (this.#isWaiting) this.#fail(error);
  }

  #fail(error: Error): void {
    this.close();
    this.#onFailure(error);
  }
}
