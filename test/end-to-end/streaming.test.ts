import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { within } from '../support/deadline.ts';
import type { RawClient } from '../support/raw-client.ts';
import { get, type Server, startServer, workerClasses } from './server.ts';

const window = 64 * 1024;
/** What the kernel may hold of one direction on loopback, and windows on the way: far from everything. */
const onTheWay = 16 * 1024 * 1024;

type Counts = { readonly produced: number; readonly consumed: number; readonly begun: number };

for (const workerClass of workerClasses) {
  describe(`streams through the program with -k ${workerClass}`, () => {
    let server: Server;
    before(async () => {
      server = await startServer({
        workerClass,
        policy: {
          request: { content: { maxBytes: '1GiB', memoryBytes: window, delivery: 'stream' } },
          response: { bufferBytes: window },
        },
      });
    });
    after(() => server.stop());

    async function counts(): Promise<Counts> {
      const text = await server.ask(get('/counts'));
      return JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Counts;
    }

    /** Asks until the number stays the same for some answers: whatever flows has stopped. */
    async function settled(of: (counts: Counts) => number): Promise<number> {
      let last = -1;
      const asking = async (): Promise<number> => {
        for (let same = 0; same < 20; ) {
          const now = of(await counts());
          same = now === last ? same + 1 : 0;
          last = now;
        }
        return last;
      };
      return within(30_000, asking(), () => `it goes on: ${last}`);
    }

    it('a client that vanishes before the first byte ends the stream, and the next one is served', async () => {
      for (let round = 0; round < 10; round++) {
        const client = await server.connect();
        const sent = new Promise((resolve) => client.socket.write(get('/endless'), resolve));
        await sent;
        client.socket.resetAndDestroy();
        assert.match(await server.ask(get('/counts')), /^HTTP\/1\.1 200 /);
      }
      const end = await settled((seen) => seen.produced);
      assert.equal((await counts()).produced, end);
    });

    it('a client that reads nothing holds the application back', async () => {
      const client = await server.connect();
      client.socket.pause();
      client.send(get('/endless'));
      const produced = await settled((seen) => seen.produced);
      assert.ok(produced > 0 && produced < onTheWay, `${produced} bytes were made for nobody`);
      client.socket.resume();
      while ((await counts()).produced < produced + 2 * onTheWay);
      client.destroy();
      // The client is gone: the application makes no more.
      const end = await settled((seen) => seen.produced);
      assert.equal((await counts()).produced, end);
    });

    it('an application that reads nothing holds the client back', async () => {
      const length = 100 * 1024 * 1024;
      const client = await server.connect(
        `POST /consume-when-released HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`,
      );
      client.send(Buffer.alloc(length, 'x'));
      const waiting = await settled(() => client.socket.writableLength);
      assert.ok(waiting > length - onTheWay, `${length - waiting} bytes were taken`);
      await server.ask(get('/release'));
      await client.receive(new RegExp(`\r\n\r\n${length}$`), 20_000);
    });

    it('content comes back while it is sent, byte for byte', async () => {
      const client = await server.connect(
        'POST /stream HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      let sent = '';
      for (const length of [1, 10, 1000, 100_000, 3, 1_000_000]) {
        const piece = randomBytes(length).toString('latin1');
        sent += piece;
        client.send(`${length.toString(16)}\r\n`);
        client.send(piece);
        client.send('\r\n');
        // The next piece goes only when all before it have come back.
        await received(client, sent.length);
      }
      client.send('0\r\n\r\n');
      const text = await client.receive(/\r\n0\r\n\r\n$/);
      assert.equal(unchunked(text), sent);
    });

    it('large answers arrive whole on a connection that goes on', async () => {
      const client = await server.connect();
      for (let round = 0; round < 3; round++) {
        const content = randomBytes(2_000_000).toString('latin1');
        const before = client.received.length;
        client.send(`POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`);
        client.send(content);
        // `echo` answers with the pieces that it has read: together they may have a length or be chunks.
        const whole = new Promise<string>((resolve) => {
          const check = (): void => {
            const text = client.received.toString('latin1', before);
            const isWhole = /\r\nContent-Length: 2000000\r\n/.test(text)
              ? text.length >= text.indexOf('\r\n\r\n') + 4 + content.length
              : text.endsWith('\r\n0\r\n\r\n');
            if (isWhole) resolve(text);
            else client.socket.once('data', check);
          };
          check();
        });
        const answer = await within(30_000, whole, () => `${client.received.length - before} bytes came`);
        const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
        assert.equal(/Content-Length/.test(answer.slice(0, 200)) ? body : unchunked(answer), content);
      }
    });
  });
}

/** Waits until so many bytes of chunked content have come. */
async function received(client: RawClient, length: number): Promise<void> {
  while (unchunked(client.received.toString('latin1')).length < length) {
    const more = new Promise((resolve) => client.socket.once('data', resolve));
    await within(30_000, more, () => `${client.received.length} bytes came back`);
  }
}

/** The content of a chunked response, or what has come of it. */
function unchunked(response: string): string {
  let at = response.indexOf('\r\n\r\n') + 4;
  let content = '';
  while (at > 3) {
    const lineEnd = response.indexOf('\r\n', at);
    const size = Number.parseInt(response.slice(at, lineEnd), 16);
    if (lineEnd < 0 || !(size > 0)) break;
    content += response.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
    if (at > response.length) break;
  }
  return content;
}
