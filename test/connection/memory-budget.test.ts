import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { RequestPolicy } from '../../src/policy/policy.ts';
import { TestEdge } from './edge-harness.ts';

const ok = '200 OK\0';
const budgetBytes = 4 * 1024 * 1024;

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(request: Partial<RequestPolicy> = {}, most = budgetBytes): Promise<TestEdge> {
  const contentMemoryBytes = 16 * 1024 * 1024;
  edge = await new TestEdge((policy) => ({
    ...policy,
    memory: { budgetBytes: most },
    request: { ...policy.request, contentMemoryBytes, contentBytes: 2 ** 30, delivery: 'complete', ...request },
  })).listen();
  return edge;
}

async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const used = () => edge.edge.memory.usedBytes;

describe('the memory that all connections have together', () => {
  it('counts a head that is not complete, and gives it back with the connection', async () => {
    await start();
    const client = await edge.client(`GET /${'a'.repeat(1000)}`);
    await edge.until(() => used() === 1005, 'the head does not count');
    client.destroy();
    await edge.until(() => used() === 0, 'still counted');
  });

  it('counts requests that wait behind one that runs', async () => {
    await start();
    const client = await edge.client(get('/1') + get('/2'));
    const first = (await edge.request()).start();
    await edge.until(() => used() >= get('/2').length, 'not counted');
    first.respond(ok, 'one');
    (await edge.request(1)).start().respond(ok, 'two');
    await client.receive(/two$/);
    await edge.until(() => used() === 0, 'still counted');
  });

  it('counts nothing once everybody has what they asked for', async () => {
    await start();
    const client = await edge.client('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
    client.send('x'.repeat(100_000));
    const request = (await edge.request()).start();
    await edge.until(() => request.contentHasEnded, 'the end of the content');
    request.respond(ok, Buffer.alloc(1_000_000, 'y'));
    await client.receive(/y{1000}$/);
    await edge.until(() => edge.listener.connectionCount === 1 && used() === 0, 'still counted');
  });

  it('is taken from who holds most of it: a reader that stands still is cut', async () => {
    await start();
    const greedy = await edge.client();
    greedy.socket.pause();
    greedy.send(get('/greedy'));
    const large = (await edge.request()).start();
    const modest = await edge.client('POST /modest HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
    modest.send('x'.repeat(999));
    large.respond(ok, Buffer.alloc(32 * 1024 * 1024));
    await edge.until(() => edge.listener.connectionCount === 1, 'not cut');
    assert.match(edge.lines.join(), /memory\.exhausted \(\d+ bytes of \d+ that all keep waiting, at most 4194304\)/);
    modest.send('x');
    (await edge.request(1)).start().respond(ok, 'served');
    await modest.receive(/served$/);
  });

  it('is taken from who holds most of it: a sender of much content gets 503', async () => {
    await start();
    const greedy = await edge.client('POST /greedy HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n');
    greedy.send(Buffer.alloc(7_000_000));
    await greedy.receive(/^HTTP\/1\.1 503 (.*\r\n)*\r\n.*memory\.exhausted/s);
    assert.equal(edge.requests.length, 0);
    await edge.until(() => used() === 0, 'still counted');
    const modest = await edge.client(get('/'));
    (await edge.request()).start().respond(ok, 'served');
    await modest.receive(/served$/);
  });

  for (const delivery of ['stream', 'complete'] as const) {
    it(`is taken from no more than it needs, though the application has content of them (${delivery})`, async () => {
      await start({ delivery, contentMemoryBytes: 1024 * 1024 });
      const modest = await edge.client('POST /modest HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
      modest.send('x'.repeat(1000));
      const kept = (await edge.request()).start();
      await edge.until(() => kept.contentHasEnded, 'the modest content');
      for (let index = 1; index <= 5; index++) {
        const sender = await edge.client(`POST /${index} HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n`);
        sender.send(Buffer.alloc(900_000));
        (await edge.request(index)).start();
      }
      await edge.until(() => edge.requests.some(({ isAborted }) => isAborted), 'nobody had to go');
      await turns();
      assert.equal(edge.requests.filter(({ isAborted }) => isAborted).length, 1);
      kept.respond(ok, 'served');
      await modest.receive(/served$/);
    });
  }

  it('gets back what leaves of a response, before all of it has left', async () => {
    await start({}, 2 ** 30);
    const reader = await edge.client();
    reader.socket.pause();
    reader.send(get('/'));
    (await edge.request()).start().respond(ok, Buffer.alloc(32 * 1024 * 1024), false);
    const before = used();
    let read = 0;
    reader.socket.on('data', (bytes) => {
      read += bytes.length;
      if (read > 8 * 1024 * 1024) reader.socket.pause();
    });
    reader.socket.resume();
    await edge.until(() => before - used() > 1024 * 1024, 'still counted');
  });
});
