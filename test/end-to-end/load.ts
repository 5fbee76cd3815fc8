import assert from 'node:assert/strict';
import { KeepAliveClient } from '../support/keep-alive-client.ts';
import { get } from './server.ts';

const environ = get('/environ', 'X-One: 1\r\n');

/** Clients that ask without a pause until they are told to stop. Anything but the right answer is an error. */
export class Load {
  answers = 0;
  closed = 0;
  #stopped = false;
  readonly #running: Promise<unknown>;

  constructor(port: number, connections: number) {
    this.#running = Promise.all(Array.from({ length: connections }, (_, index) => this.#run(port, index)));
    // It is `stop` that tells.
    this.#running.catch(() => {});
  }

  /** Rejects with the first error. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(port: number, index: number): Promise<void> {
    let client = await KeepAliveClient.connect(port);
    try {
      for (let round = index; !this.#stopped; round++) {
        const content = Buffer.alloc((round * 7919) % 3_000, String(round % 10));
        const isGet = round % 2 === 0;
        const head = `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`;
        const answer = await (isGet ? client.ask(environ) : client.ask(head, content));
        assert.equal(answer.status, 200, answer.content.toString());
        if (!isGet) assert.deepEqual(answer.content, content);
        this.answers += 1;
        if (!answer.closes) continue;
        // Its edge makes place for another; it has said so.
        this.closed += 1;
        client.destroy();
        client = await KeepAliveClient.connect(port);
      }
    } finally {
      client.destroy();
    }
  }
}
