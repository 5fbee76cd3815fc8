import { once } from 'node:events';
import { connect } from 'node:net';
import { within } from '../../test/support/deadline.ts';
import { type Answer, KeepAliveClient } from '../../test/support/keep-alive-client.ts';
import { connectRaw, exchangeRaw, type RawClient } from '../../test/support/raw-client.ts';

/** What `bench/apps/site.js` answers at /big. */
const BIG_BYTES = 2 * 1024 * 1024;
const REQUESTS_A_CONNECTION = 20;
const SLOW_PAUSE_MS = 30;
const PATIENCE_MS = 30_000;

/** One thing that a client does, from its connect to its end. Fails where the server did not do what it should. */
export type ClientAct = {
  readonly name: string;
  /** So many of them at the same time, each again and again. */
  readonly lanes: number;
  /** Pause of a lane before its next time: the mix stays the same however fast the server is. */
  readonly restMs: number;
  /** `number` is another one each time. */
  act(port: number, number: number): Promise<void>;
};

/** Good clients, slow ones, rude ones and bad ones. The server has the deadlines of `soakPolicy` and runs `site.js`. */
export const clientActs: readonly ClientAct[] = [
  {
    name: 'requests on a connection that stays',
    lanes: 4,
    restMs: 20,
    act: (port, number) =>
      withKeepAlive(port, async (client) => {
        for (let count = 0; count < REQUESTS_A_CONNECTION; count++) {
          const path = `/page-${number}-${count}`;
          expectAnswer(await client.ask(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`), `Hello from ${path}\n`);
        }
      }),
  },
  {
    name: 'one request a connection',
    lanes: 4,
    restMs: 10,
    act: async (port, number) => {
      const path = `/once-${number}`;
      const text = await exchangeRaw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expectText(text, /^HTTP\/1\.1 200 OK\r\n/);
      if (!text.endsWith(`\r\n\r\nHello from ${path}\n`)) throw new Error(`wrong content: ${text.slice(-80)}`);
    },
  },
  {
    name: 'uploads, with a length and in chunks',
    lanes: 2,
    restMs: 20,
    act: (port, number) =>
      withKeepAlive(port, async (client) => {
        const content = Buffer.alloc((number * 7919) % 300_000, 'u');
        const head = 'POST /upload HTTP/1.1\r\nHost: a\r\n';
        const counted = `${content.length} bytes\n`;
        expectAnswer(await client.ask(`${head}Content-Length: ${content.length}\r\n\r\n`, content), counted);
        const chunk = content.length === 0 ? '' : `${content.length.toString(16)}\r\n`;
        const chunked = [`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`, content, `${chunk && '\r\n'}0\r\n\r\n`];
        expectAnswer(await client.ask(...chunked), counted);
      }),
  },
  { name: 'a big page, read slowly', lanes: 3, restMs: 50, act: readSlowly },
  {
    name: 'a client that goes in the middle of its request',
    lanes: 2,
    restMs: 30,
    act: (port, number) =>
      leaveAfter(port, 'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nhalf', number),
  },
  {
    name: 'a client that goes in the middle of its response',
    lanes: 2,
    restMs: 30,
    act: (port, number) => leaveAfter(port, 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n', number, /^HTTP\/1\.1 200 /),
  },
  {
    name: 'what is no request',
    lanes: 2,
    restMs: 20,
    act: async (port, number) => {
      const bytes = garbage[number % garbage.length] ?? '';
      expectText(
        await exchangeRaw(port, bytes),
        /^HTTP\/1\.1 (4\d\d|50[15]) [^\r]*\r\n[\s\S]*\r\nConnection: close\r\n/,
      );
    },
  },
  {
    name: 'a head that never ends',
    lanes: 4,
    restMs: 10,
    act: async (port) => expectText(await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\nX: '), /^HTTP\/1\.1 408 /),
  },
  {
    name: 'a connection that says nothing',
    lanes: 4,
    restMs: 10,
    act: async (port) => expectText(await exchangeRaw(port, ''), /^$/),
  },
];

/** Short, so that many deadlines pass in a minute. */
export const soakPolicy = {
  timeouts: { head: '1s', content: '2s', write: '3s' },
  keepAlive: { idle: '2s' },
};

const garbage = [
  'nonsense\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  'GET / HTTP/9.9\r\nHost: a\r\n\r\n',
  `GET /${'a'.repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(200)}\r\n`,
];

async function withKeepAlive(port: number, use: (client: KeepAliveClient) => Promise<void>): Promise<void> {
  const client = await KeepAliveClient.connect(port);
  try {
    await use(client);
  } finally {
    client.destroy();
  }
}

/** Slower than the server writes and faster than its deadline. */
async function readSlowly(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    socket.write('GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const read = async (): Promise<number> => {
      let received = 0;
      let head = '';
      for await (const piece of socket as AsyncIterable<Buffer>) {
        if (received === 0) head = piece.toString('latin1', 0, piece.indexOf('\r\n\r\n') + 4);
        received += piece.length;
        await new Promise((resolve) => setTimeout(resolve, SLOW_PAUSE_MS));
      }
      expectText(head, /^HTTP\/1\.1 200 OK\r\n/);
      return received - head.length;
    };
    const received = await within(PATIENCE_MS, read(), () => 'the big page does not end');
    if (received !== BIG_BYTES) throw new Error(`${received} of ${BIG_BYTES} bytes`);
  } finally {
    socket.destroy();
  }
}

/** With a reset or, every other time, with the ordinary end. */
async function leaveAfter(port: number, bytes: string, number: number, received?: RegExp): Promise<void> {
  const client: RawClient = await connectRaw(port);
  client.send(bytes);
  if (received !== undefined) await client.receive(received).finally(() => client.socket.pause());
  if (number % 2 === 0) client.socket.resetAndDestroy();
  else client.destroy();
  await client.closed;
}

function expectAnswer({ status, content }: Answer, expected: string): void {
  const text = content.toString('latin1');
  if (status !== 200 || text !== expected) throw new Error(`${status} ${JSON.stringify(text.slice(0, 80))}`);
}

function expectText(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`no ${pattern} in ${JSON.stringify(text.slice(0, 200))}`);
}
