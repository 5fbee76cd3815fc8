import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { Asker } from '../../bench/lives/asker.ts';
import { get } from '../../bench/lives/question.ts';

const content = 'worker 7\nHello from /page\n';
const good = `HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n${content}`;
const refusal = 'refused (timeout.worker)\n';

/** What a server does with a request, and what the evidence then says about it. */
const cases: readonly { readonly does: string; readonly bytes: string; readonly cause: string | undefined }[] = [
  { does: 'the right answer', bytes: good, cause: undefined },
  { does: 'nothing but an end', bytes: '', cause: 'closed before the response' },
  { does: 'half an answer', bytes: good.slice(0, -3), cause: 'cut response' },
  { does: 'half a head', bytes: good.slice(0, 12), cause: 'cut response' },
  { does: 'one octet changed', bytes: good.replace('page\n', 'pagf\n'), cause: 'wrong bytes' },
  { does: "another one's answer", bytes: good.replace('/page', '/pag2'), cause: 'wrong bytes' },
  { does: 'bytes behind the answer', bytes: `${good}x`, cause: 'wrong bytes' },
  { does: 'what is no HTTP', bytes: 'nonsense\r\n\r\n', cause: 'wrong bytes' },
  {
    does: 'a refusal with its rule',
    bytes: `HTTP/1.1 504 Gateway Timeout\r\nContent-Length: ${refusal.length}\r\n\r\n${refusal}`,
    cause: 'status 504 timeout.worker',
  },
  { does: 'a status alone', bytes: 'HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n', cause: 'status 500' },
];

async function listen(serve: (socket: Socket) => void): Promise<{ readonly port: number; close(): Promise<unknown> }> {
  const server = createServer({ noDelay: true }, serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, close: () => once(server.close(), 'close') };
}

describe('a client that compares', () => {
  for (const { does, bytes, cause } of cases) {
    it(`says "${cause ?? 'answered'}" of ${does}`, async () => {
      const server = await listen((socket) => socket.once('data', () => socket.end(bytes, 'latin1')));
      const asker = new Asker(server.port);
      const reply = await asker.ask(get('1-0', '/page'));
      asker.close();
      await server.close();
      if (cause === undefined) assert.deepEqual(reply, { type: 'answered', worker: 7 });
      else assert.equal(reply.type === 'failed' && reply.cause, cause);
    });
  }

  it('says "refused connection" where nobody listens', async () => {
    const { port, close } = await listen(() => {});
    await close();
    const reply = await new Asker(port).ask(get('1-0', '/page'));
    assert.deepEqual(reply, {
      type: 'failed',
      id: '1-0',
      method: 'GET',
      cause: 'refused connection',
      localPort: null,
    });
  });

  it('makes a new connection where the server has ended one between two requests', async () => {
    let connections = 0;
    const server = await listen((socket) => {
      connections += 1;
      socket.once('data', () => socket.end(good));
    });
    const asker = new Asker(server.port);
    assert.equal((await asker.ask(get('1-0', '/page'))).type, 'answered');
    while (asker.isConnected) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await asker.ask(get('1-4', '/page'))).type, 'answered');
    asker.close();
    await server.close();
    assert.equal(connections, 2);
  });
});
