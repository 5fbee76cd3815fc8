import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import type { Policy } from '../../src/policy/policy.ts';
import { TestEdge } from '../connection/edge-harness.ts';
import { connectRaw } from '../support/raw-client.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const ok = '200 OK\0';

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(change: (policy: Policy) => Policy = (policy) => policy): Promise<TestEdge> {
  edge = await new TestEdge(change).listen();
  return edge;
}

/** Whatever is on its way arrives: everything is in one process. */
async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a listener', () => {
  it('closes what one client opens above its number, and has room for it again', async () => {
    await start((policy) => ({ ...policy, connections: { max: 10, maxPerClient: 2 } }));
    const clients = [await edge.client(), await edge.client()];
    const third = await edge.client();
    assert.equal(await third.receiveAll(), '');
    assert.match(edge.lines.join(), /connections\.too-many \(127\.0\.0\.1 has 2\)/);
    assert.equal(edge.listener.connectionCount, 2);
    const neighbour = await edge.client(get('/neighbour'), { localAddress: '127.0.0.2' });
    (await edge.request()).start().respond(ok, 'room');
    await neighbour.receive(/room$/);
    clients[0]?.destroy();
    await edge.until(() => edge.listener.connectionCount === 2, 'not forgotten');
    const fourth = await edge.client(get('/'));
    (await edge.request(1)).start().respond(ok, 'room again');
    await fourth.receive(/room again$/);
  });

  it('counts no trusted proxy, which speaks for many', async () => {
    await start((policy) => ({
      ...policy,
      connections: { max: 10, maxPerClient: 1 },
      proxies: { ...policy.proxies, trusted: ['127.0.0.1'] },
    }));
    for (const index of [0, 1, 2]) {
      const client = await edge.client(get('/'));
      (await edge.request(index)).start().respond(ok, 'served');
      await client.receive(/served$/);
    }
  });

  it('makes no room for a client that may have no more', async () => {
    await start((policy) => ({ ...policy, connections: { max: 8, maxPerClient: 4 } }));
    for (let index = 0; index < 4; index++) {
      const idle = await edge.client(get('/idle'), { localAddress: '127.0.0.2' });
      (await edge.request(index)).start().respond(ok, 'done');
      await idle.receive(/done$/);
    }
    for (let index = 0; index < 4; index++) await edge.client();
    const refused = await Promise.all(Array.from({ length: 8 }, () => connectRaw(edge.port)));
    for (const client of refused) assert.equal(await client.receiveAll(), '');
    assert.equal(edge.listener.connectionCount, 8);
  });

  it('makes no room for a client that is blocked', async () => {
    await start((policy) => ({ ...policy, connections: { ...policy.connections, max: 1 } }));
    const idle = await edge.client(get('/idle'), { localAddress: '127.0.0.2' });
    (await edge.request()).start().respond(ok, 'done');
    await idle.receive(/done$/);
    edge.edge.blocked.apply([['127.0.0.1', 60_000]]);
    const blocked = await connectRaw(edge.port);
    assert.equal(await blocked.receiveAll(), '');
    idle.send(get('/again'));
    (await edge.request(1)).start().respond(ok, 'still here');
    await idle.receive(/still here$/);
  });

  it('counts behind a PROXY header whose the connection is', async () => {
    await start((policy) => ({
      ...policy,
      connections: { max: 10, maxPerClient: 1 },
      proxies: { ...policy.proxies, trusted: ['127.0.0.1'], protocol: 'v1' },
    }));
    const from = (address: string) => `PROXY TCP4 ${address} 192.0.2.254 1234 80\r\n${get('/')}`;
    const first = await edge.client(from('192.0.2.1'));
    (await edge.request()).start().respond(ok, 'served');
    await first.receive(/served$/);
    const second = await edge.client(from('192.0.2.1'));
    assert.match(await second.receiveAll(), /^HTTP\/1\.1 503 [\s\S]*connections\.too-many/);
    const other = await edge.client(from('192.0.2.2'));
    (await edge.request(1)).start().respond(ok, 'served');
    await other.receive(/served$/);
    first.destroy();
    await edge.until(() => edge.listener.connectionCount === 1, 'not forgotten');
    const again = await edge.client(from('192.0.2.1'));
    (await edge.request(2)).start().respond(ok, 'served');
    await again.receive(/served$/);
  });

  it('closes an idle connection where another one needs its room', async () => {
    await start((policy) => ({ ...policy, connections: { ...policy.connections, max: 2 } }));
    const busy = await edge.client(get('/busy'));
    const running = (await edge.request()).start();
    const idle = await edge.client(get('/idle'));
    (await edge.request(1)).start().respond(ok, 'done');
    await idle.receive(/done$/);
    const third = await edge.client(get('/third'));
    (await edge.request(2)).start().respond(ok, 'here');
    await third.receive(/here$/);
    assert.match(await idle.receiveAll(), /done$/);
    running.respond(ok, 'still');
    await busy.receive(/still$/);
  });

  it('closes connections above the policy’s number, and says so', async () => {
    await start((policy) => ({ ...policy, connections: { ...policy.connections, max: 2 } }));
    const clients = [await edge.client(), await edge.client()];
    const third = await edge.client();
    assert.equal(await third.receiveAll(), '');
    assert.match(edge.lines.join(), /connections\.too-many \(2 are open\)/);
    clients[0]?.destroy();
    await edge.until(() => edge.listener.connectionCount === 1, 'not forgotten');
    const fourth = await edge.client(get('/'));
    (await edge.request()).start().respond(ok, 'room');
    await fourth.receive(/room$/);
  });

  it('that drains lets the others finish, and closes idle connections that send nothing for a second', async () => {
    await start();
    const idle = await edge.client();
    const used = await edge.client(get('/1'));
    (await edge.request()).start().respond(ok, 'one');
    await used.receive(/one$/);
    const running = await edge.client(get('/2'));
    const request = (await edge.request(1)).start();
    const receiving = await edge.client('GET /3 HTTP/1.1\r\n');
    await turns();
    const drained = edge.listener.drain();
    edge.pass(900);
    used.send(get('/last'));
    (await edge.request(2)).start().respond(ok, 'last');
    assert.match(await used.receive(/last$/), /Connection: close\r\n/);
    used.socket.end();
    edge.pass(200);
    assert.deepEqual(await idle.receiveAll(), '');
    request.respond(ok, 'two');
    assert.match(await running.receive(/two$/), /Connection: close\r\n/);
    receiving.send('Host: a\r\n\r\n');
    (await edge.request(3)).start().respond(ok, 'three');
    assert.match(await receiving.receive(/three$/), /Connection: close\r\n/);
    running.socket.end();
    receiving.socket.end();
    await drained;
    assert.equal(edge.listener.connectionCount, 0);
  });

  it('survives clients that reset at once', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond(ok, 'fine');
    for (let round = 0; round < 20; round++) {
      const client = await edge.client(get('/'));
      client.socket.resetAndDestroy();
      await once(client.socket, 'close');
    }
    await edge.until(() => edge.listener.connectionCount === 0, 'not forgotten');
    const client = await edge.client(get('/last'));
    await client.receive(/fine$/);
    assert.deepEqual(edge.lines, []);
  });

  it('reads all its clients into one buffer, and none sees another’s bytes', async () => {
    await start();
    const clients = await Promise.all(Array.from({ length: 20 }, () => edge.client()));
    // Heads in halves: what is not complete has to be kept while others read.
    for (const [index, client] of clients.entries()) client.send(`GET /${index} HTTP/1.1\r\nHost: host-${index}`);
    await turns();
    for (const [index, client] of clients.entries()) client.send(`.example\r\nX-Client: ${index}\r\n\r\n`);
    await edge.until(() => edge.requests.length === clients.length, 'all requests');
    for (const { path, environ } of edge.requests) {
      const index = path.slice(1);
      assert.deepEqual([environ['HTTP_HOST'], environ['HTTP_X_CLIENT']], [`host-${index}.example`, index]);
    }
  });

  it('tells applications where a request came from and in', async () => {
    const client = await (await start()).client(get('/'));
    const { environ } = await edge.request();
    const keys = ['SERVER_NAME', 'SERVER_PORT', 'REMOTE_ADDR', 'REMOTE_PORT', 'wsgi.url_scheme', 'portcullis.policy'];
    const port = String(client.socket.localPort);
    assert.deepEqual(
      keys.map((key) => environ[key]),
      ['test', '80', '127.0.0.1', port, 'http', 'default'],
    );
  });
});
