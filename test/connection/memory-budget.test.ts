import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { TestEdge } from './edge-harness.ts';

const ok = '200 OK\0';
const budgetBytes = 4 * 1024 * 1024;

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(): Promise<TestEdge> {
  edge = await new TestEdge((policy) => ({
    ...policy,
    memory: { budgetBytes },
    request: { ...policy.request, contentMemoryBytes: 16 * 1024 * 1024, contentBytes: 2 ** 30, delivery: 'complete' },
  })).listen();
  return edge;
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
});
