import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { SendQueues } from '../../src/connection/send-queues.ts';
import { endpointsOf } from '../../src/connection/socket-table.ts';
import type { RawClient } from '../support/raw-client.ts';
import { TestEdge } from './edge-harness.ts';

const writeMs = 8000;
const halfMs = writeMs / 2;
const ticksMs = 200;
const unread = Buffer.alloc(12 * 1024 * 1024);

let edge: TestEdge;
let reads = 0;
/** What the kernel is said to hold; null: the socket is not listed; 'hidden': there is never an answer. */
let queued: number | null | 'hidden' = null;
let endpoints: string | undefined;
afterEach(() => edge.stop());

const sendQueues = (): SendQueues =>
  new SendQueues(async function* () {
    reads += 1;
    if (queued === 'hidden') await new Promise(() => {});
    if (typeof queued === 'number') {
      yield Buffer.from(`  1: ${endpoints} 01 ${queued.toString(16).toUpperCase().padStart(8, '0')}:00000000\n`);
    }
  });

/** Whose response fills the kernel's buffer, and who reads none of it. */
async function readsNothing(writeMinRate = 0): Promise<RawClient> {
  reads = 0;
  edge = await new TestEdge(
    (policy) => ({ ...policy, timeouts: { ...policy.timeouts, writeMs, writeMinRate, rateGraceMs: 10_000 } }),
    { sendQueues: sendQueues() },
  ).listen();
  const client = await edge.client();
  client.socket.pause();
  endpoints = endpointsOf({
    localAddress: '127.0.0.1',
    localPort: edge.port,
    remoteAddress: '127.0.0.1',
    remotePort: client.socket.localPort,
  });
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  (await edge.request()).start().respond('200 OK\0', unread);
  await turns(50);
  return client;
}

/** Lets half of the time pass, in which the kernel has sent down to `bytes`. */
async function half(bytes: typeof queued): Promise<void> {
  queued = bytes;
  const before = reads;
  edge.pass(halfMs + ticksMs);
  await edge.until(() => reads > before, 'it was not measured');
  await turns();
}

const isOpen = (): boolean => edge.listener.connectionCount === 1;
const closed = (): Promise<void> => edge.until(() => !isOpen(), 'still open');

describe('a response of which nothing leaves', () => {
  it('goes on for as long as the kernel sends some of it in each half of the time', async () => {
    await readsNothing();
    for (let bytes = 4_000_000; bytes > 3_900_000; bytes -= 10_000) await half(bytes);
    assert.ok(isOpen());
    assert.deepEqual(edge.lines, []);
  });

  it('goes on where the kernel sends some of it in each second half', async () => {
    await readsNothing();
    await half(4_000_000);
    for (let bytes = 3_990_000; bytes > 3_950_000; bytes -= 10_000) {
      await half(bytes);
      await half(bytes);
      assert.ok(isOpen(), `${bytes}`);
    }
  });

  it('ends where the kernel has sent none between two looks', async () => {
    await readsNothing();
    await half(4_000_000);
    assert.ok(isOpen());
    await half(4_000_000);
    await closed();
    assert.match(edge.lines.join(), /^Refused 127\.0\.0\.1: timeout\.write \(no byte was taken for 8000 ms\)$/);
  });

  it('ends where it has sent some, and then none for as long as that', async () => {
    await readsNothing();
    for (const bytes of [4_000_000, 3_000_000, 3_000_000]) await half(bytes);
    assert.ok(isOpen());
    await half(3_000_000);
    await closed();
    assert.match(edge.lines.join(), /timeout\.write/);
  });

  it('ends where the client takes too little on average', async () => {
    await readsNothing(1024);
    for (let bytes = 4_000_000; isOpen() && reads < 10; bytes -= 1000) await half(bytes);
    await closed();
    // What the client took before the first look is not known: it begins there to fall behind.
    assert.match(edge.lines.join(), /response\.too-slow \(4000 bytes in 16\d00 ms, at least 1024 a second/);
  });

  it('goes on where what the client takes is just enough', async () => {
    await readsNothing(1024);
    const perHalf = Math.ceil(((halfMs + ticksMs) / 1000) * 1024);
    for (let count = 0; count < 10; count++) await half(4_000_000 - count * perHalf);
    assert.ok(isOpen());
  });

  it('ends in time where the kernel stops telling', async () => {
    await readsNothing();
    await half(4_000_000);
    await half(null);
    await closed();
    assert.match(edge.lines.join(), /timeout\.write/);
  });

  it('ends in time where nobody answers', async () => {
    await readsNothing();
    await half('hidden');
    assert.ok(isOpen());
    edge.pass(halfMs + ticksMs);
    await closed();
    assert.match(edge.lines.join(), /timeout\.write/);
  });

  it('waits half of the time for the last answer', async () => {
    await readsNothing();
    await half(4_000_000);
    await half('hidden');
    assert.ok(isOpen());
    edge.pass(halfMs + ticksMs);
    await closed();
    assert.match(edge.lines.join(), /timeout\.write/);
  });

  it('is forgotten with its connection', async () => {
    const client = await readsNothing();
    queued = 4_000_000;
    edge.pass(halfMs + ticksMs);
    client.socket.resetAndDestroy();
    await closed();
    await turns();
    assert.deepEqual(edge.lines, []);
  });
});

async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
