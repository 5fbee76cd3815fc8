import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { Outbox } from '../../src/connection/outbox.ts';
import { within } from '../support/deadline.ts';
import { socketPair } from '../support/socket-pair.ts';

const open: Socket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});

/** An outbox, what it says has left, and the client's end. `onDrained` runs where the connection's would. */
async function watchedOutbox(onDrained: (outbox: Outbox) => void = () => {}) {
  const { server, client } = await socketPair();
  open.push(server, client);
  const left: number[] = [];
  const outbox: Outbox = new Outbox(server, {
    onDrained(bytes) {
      left.push(bytes);
      onDrained(outbox);
    },
  });
  return { outbox, left, server, client };
}

/** Reads until so many bytes have come. */
async function read(client: Socket, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let received = 0;
  client.on('data', (bytes: Buffer) => {
    received += bytes.length;
    pieces.push(bytes);
  });
  client.resume();
  while (received < length) await within(30_000, once(client, 'data'), () => `${received} of ${length} bytes came`);
  client.pause();
  client.removeAllListeners('data');
  return Buffer.concat(pieces);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
/** Bytes that tell their place. */
function numbered(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31) >> 3;
  return bytes;
}

const megabytes = 8 * 1024 * 1024;

describe('an outbox', () => {
  it('hands over at once what the kernel takes', async () => {
    const { outbox, left, client } = await watchedOutbox();
    outbox.send(Buffer.from('hello'));
    assert.deepEqual([left, outbox.pendingBytes], [[5], 0]);
    assert.equal((await read(client, 5)).toString(), 'hello');
  });

  it('sends nothing for no bytes', async () => {
    const { outbox, left, server } = await watchedOutbox();
    outbox.send(Buffer.alloc(0));
    assert.deepEqual([left, outbox.pendingBytes, server.bytesWritten], [[], 0, 0]);
  });

  it('keeps the order of what waits, and counts it', async () => {
    const { outbox, left, client } = await watchedOutbox();
    const pieces = [numbered(megabytes), Buffer.from('second'), numbered(100_000), Buffer.from('last')];
    for (const piece of pieces) outbox.send(piece);
    const all = Buffer.concat(pieces);
    assert.ok(outbox.pendingBytes > 0);
    assert.equal(sum(left) + outbox.pendingBytes, all.length);
    assert.ok((await read(client, all.length)).equals(all));
    assert.deepEqual([sum(left), outbox.pendingBytes], [all.length, 0]);
  });

  it('gives the socket one piece at a time, so that a slow reader shows progress', async () => {
    const { outbox, left, server, client } = await watchedOutbox();
    outbox.send(numbered(megabytes));
    assert.ok(server.writableLength > 0 && server.writableLength <= 16384, `${server.writableLength} in the socket`);
    const before = left.length;
    await read(client, megabytes);
    assert.ok(left.length > before + 100, `${left.length - before} steps`);
    assert.ok(Math.max(...left) <= 16384);
  });

  it('tells of no progress while the client reads nothing', async () => {
    const { outbox, left } = await watchedOutbox();
    outbox.send(numbered(megabytes));
    const before = left.length;
    // Whatever the kernel still takes, it takes within some turns.
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    const settled = left.length;
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(left.length, settled);
    assert.ok(settled >= before && outbox.pendingBytes > 0);
  });

  it('may be sent more where it says that all has left', async () => {
    let rounds = 0;
    const { outbox, client } = await watchedOutbox((drained) => {
      if (drained.pendingBytes > 0 || rounds === 200) return;
      rounds += 1;
      drained.send(numbered(50_000));
    });
    outbox.send(Buffer.from('first'));
    const expected = Buffer.concat([Buffer.from('first'), ...Array.from({ length: 200 }, () => numbered(50_000))]);
    assert.ok((await read(client, expected.length)).equals(expected));
    assert.equal(outbox.pendingBytes, 0);
  });

  it('may be sent more where it says that a part has left', async () => {
    let extra = 0;
    const { outbox, client } = await watchedOutbox((drained) => {
      if (extra < 20) drained.send(Buffer.from(String(extra++ % 10)));
    });
    outbox.send(numbered(megabytes));
    const received = await read(client, megabytes + 20);
    assert.ok(received.subarray(0, megabytes).equals(numbered(megabytes)));
    assert.equal(received.subarray(megabytes).toString(), '01234567890123456789');
  });

  it('says nothing more once its socket is gone', async () => {
    const { outbox, left, server, client } = await watchedOutbox();
    outbox.send(numbered(megabytes));
    const before = left.length;
    server.on('error', () => {});
    server.destroy();
    await within(30_000, once(server, 'close'), () => 'the socket stays open');
    client.resume();
    assert.equal(left.length, before);
  });
});
