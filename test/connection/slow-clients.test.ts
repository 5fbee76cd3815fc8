import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Policy, Timeouts } from '../../src/policy/policy.ts';
import { TestEdge } from './edge-harness.ts';

const ok = '200 OK\0';
const rates: Partial<Timeouts> = { contentMinRate: 500, writeMinRate: 1024, rateGraceMs: 10_000 };

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(
  timeouts: Partial<Timeouts> = {},
  keepAlive: Partial<Policy['keepAlive']> = {},
): Promise<TestEdge> {
  edge = await new TestEdge((policy) => ({
    ...policy,
    timeouts: { ...policy.timeouts, ...rates, ...timeouts },
    keepAlive: { ...policy.keepAlive, ...keepAlive },
  })).listen();
  return edge;
}

async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const post = (bytes: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`;

describe('a client that sends content', () => {
  it('a byte now and then is refused with 408 once the grace is over', async () => {
    const client = await (await start()).client(post(1000));
    const request = (await edge.request()).start();
    for (let count = 1; count <= 10; count++) {
      edge.pass(1000);
      client.send('x');
      await edge.until(() => request.content.length === count, `${count} bytes`);
    }
    edge.pass(1000);
    client.send('x');
    await client.receive(/^HTTP\/1\.1 408 (.*\r\n)*Connection: close\r\n(.*\r\n)*\r\n.*content\.too-slow/s);
    assert.ok(request.isAborted);
    assert.match(edge.lines.join(), /content\.too-slow \(11 bytes in 11\d00 ms, at least 500 a second are asked for\)/);
  });

  it('at the least rate may take as long as it likes', async () => {
    const client = await (await start()).client(post(40 * 600));
    const request = (await edge.request()).start();
    for (let count = 1; count <= 40; count++) {
      edge.pass(1000);
      client.send('x'.repeat(600));
      await edge.until(() => request.content.length === count * 600, `${count} pieces`);
    }
    request.respond(ok, 'all of it');
    await client.receive(/all of it$/);
  });

  it('too slowly, but to its end, has its response', async () => {
    const client = await (await start()).client(post(2));
    const request = (await edge.request()).start();
    client.send('x');
    await edge.until(() => request.content.length === 1, 'a byte');
    edge.pass(12_000);
    client.send('y');
    await edge.until(() => request.contentHasEnded, 'the end');
    request.respond(ok, 'late');
    await client.receive(/late$/);
  });

  it('is not slow while the application takes none', async () => {
    const client = await (await start({ workerMs: 0 })).client(post(1000));
    const request = (await edge.request()).start();
    client.send('x'.repeat(999));
    await edge.until(() => request.content.length === 999, 'content');
    request.respond(ok, 'early', false);
    await client.receive(/early\r\n$/);
    edge.pass(9_000);
    assert.equal(request.isAborted, false);
  });
});

describe('a client that takes a response', () => {
  it('a little now and then is cut once the grace is over', async () => {
    const large = Buffer.alloc(16 * 1024 * 1024);
    // What passes on loopback is far above any sane rate, so the rate is far above it.
    const client = await (await start({ writeMinRate: 2 ** 40 })).client();
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    (await edge.request()).start().respond(ok, large);
    await turns(50);
    let received = 0;
    client.socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
      client.socket.pause();
    });
    let passed = 0;
    for (; received < large.length && edge.listener.connectionCount > 0; passed += 100) {
      const before = received;
      edge.pass(100);
      client.socket.resume();
      await edge.until(() => received > before || edge.listener.connectionCount === 0, 'neither more nor the end');
      await turns(3);
    }
    assert.ok(passed > 10_000, `cut within the grace, after ${passed} ms`);
    assert.ok(received < large.length, 'not cut');
    assert.match(edge.lines.join(), /response\.too-slow \(\d+ bytes in \d+ ms, at least 1099511627776 a second/);
  });
});

describe('a connection', () => {
  it('that is older than the policy allows ends with its next response', async () => {
    const client = await (await start({}, { maxAgeMs: 4_000, idleMs: 60_000 })).client(
      'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    (await edge.request()).start().respond(ok, 'one');
    await client.receive(/Connection: keep-alive(.*\r\n)*\r\none$|\r\none$/);
    edge.pass(4_100);
    client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    (await edge.request(1)).start().respond(ok, 'two');
    assert.match(await client.receiveAll(), /Connection: close\r\n(.*\r\n)*\r\ntwo$/);
  });

  it('whose client has ended its side gives up its place in the queue, and says so', async () => {
    const client = await (await start()).client('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { allowHalfOpen: true });
    const request = await edge.request();
    client.socket.end();
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 503 (.*\r\n)*\r\n.*overload\.queue/s);
    assert.ok(request.isAborted);
  });

  it('whose client has ended its side waits on while there is no worker at all', async () => {
    (await start()).hasWorkers = false;
    const client = await edge.client('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { allowHalfOpen: true });
    const request = await edge.request();
    client.socket.end();
    await turns(20);
    request.start().respond(ok, 'here');
    assert.match(await client.receiveAll(), /here$/);
  });

  it('whose client has ended its side has its response once a worker has the request', async () => {
    const client = await (await start()).client('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { allowHalfOpen: true });
    const request = (await edge.request()).start();
    client.socket.end();
    await turns(20);
    request.respond(ok, 'here');
    assert.match(await client.receiveAll(), /here$/);
  });
});
