import { connect, type Socket } from 'node:net';
import { type Response, readResponse } from '../load/read-response.ts';
import type { Question } from './question.ts';

/** Every one of them is a request that somebody would have to send again. */
export type Failure = {
  readonly id: string;
  readonly method: Question['method'];
  /** One of a few words: `refused connection`, `closed before the response`, `cut response`, `wrong bytes`, `no answer`, or
   * `status` with the rule that refused it. */
  readonly cause: string;
  /** Of the client's socket; null where there was none. */
  readonly localPort: number | null;
};

export type Reply =
  | { readonly type: 'answered' /** That ran it. */; readonly worker: number }
  | ({ readonly type: 'failed' } & Failure);

type Waiting = { readonly question: Question; readonly reply: (reply: Reply) => void; readonly late: NodeJS.Timeout };

const PATIENCE_MS = 20_000;

/**
 * A connection that is kept, with one request under way at a time. Every octet of every answer is compared. A connection that
 * the server ends between two requests is none of its faults: the next request makes another.
 */
export class Asker {
  readonly #port: number;
  #socket: Socket | undefined;
  #isConnected = false;
  #localPort: number | null = null;
  #received = '';
  #waiting: Waiting | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  ask(question: Question): Promise<Reply> {
    return new Promise((reply) => {
      this.#waiting = { question, reply, late: setTimeout(() => this.#fail('no answer'), PATIENCE_MS) };
      this.#socket ??= this.#connect();
      this.#socket.write(question.bytes);
    });
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#received = '';
    socket?.destroy();
  }

  #connect(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#isConnected = false;
    this.#localPort = null;
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      this.#isConnected = true;
      this.#localPort = socket.localPort ?? null;
    });
    socket.on('data', (bytes: string) => {
      if (socket === this.#socket) this.#receive(bytes);
    });
    socket.on('error', () => {}); // `close` follows
    socket.on('close', () => {
      if (socket === this.#socket) this.#lost();
    });
    return socket;
  }

  #receive(bytes: string): void {
    this.#received += bytes;
    if (this.#waiting === undefined) return this.#lost();
    let response: Response | undefined;
    try {
      response = readResponse(this.#received);
    } catch {
      return this.#fail('wrong bytes');
    }
    if (response === undefined) return;
    this.#received = '';
    const { status, content, keepAlive } = response;
    if (!keepAlive) this.close();
    if (status !== 200) return this.#fail(statusCause(status, content), keepAlive);
    const worker = /^worker (\d+)\n/.exec(content);
    if (worker === null || content.slice(worker[0].length) !== this.#waiting.question.content) {
      return this.#fail('wrong bytes');
    }
    this.#settle({ type: 'answered', worker: Number(worker[1]) });
  }

  #lost(): void {
    const received = this.#received;
    const cause = this.#isConnected ? 'closed before the response' : 'refused connection';
    if (this.#waiting === undefined) this.close();
    else this.#fail(received === '' ? cause : 'cut response');
  }

  /** What is left of a connection on which something went wrong is not trusted, unless it was a whole answer. */
  #fail(cause: string, keepsConnection = false): void {
    if (!keepsConnection) this.close();
    const { question } = this.#waiting ?? {};
    if (question === undefined) return;
    this.#settle({ type: 'failed', id: question.id, method: question.method, cause, localPort: this.#localPort });
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    clearTimeout(waiting?.late);
    waiting?.reply(reply);
  }
}

/** The edge's refusals end with their rule in parentheses. */
function statusCause(status: number, content: string): string {
  const rule = /\(([a-z0-9-]+\.[a-z0-9-]+)\)\n$/.exec(content)?.[1];
  return rule === undefined ? `status ${status}` : `status ${status} ${rule}`;
}
