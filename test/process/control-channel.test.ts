import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { maxLineLength, openControlChannel } from '../../src/process/control-channel.ts';

type Message = { readonly type: string; readonly text?: string };

describe('control channel', () => {
  const server = createServer();
  const open: Socket[] = [];
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });

  async function socketPair(): Promise<[Socket, Socket]> {
    const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [far] = (await once(server, 'connection')) as [Socket];
    open.push(near, far);
    return [near, far];
  }

  it('carries messages both ways, in order, with any text in them', async () => {
    const [near, far] = await socketPair();
    const text = 'a "line"\nand \u2028 another, \u00e9\u4e2d';
    const answered = new Promise<Message[]>((resolve) => {
      const received: Message[] = [];
      const channel = openControlChannel<Message, Message>(near, (message) => {
        received.push(message);
        if (received.length === 2) resolve(received);
      });
      channel.send({ type: 'one', text });
      channel.send({ type: 'two' });
    });
    const echo = openControlChannel<Message, Message>(far, (message) => echo.send(message));
    assert.deepEqual(await answered, [{ type: 'one', text }, { type: 'two' }]);
  });

  it('joins a message that arrives byte by byte', async () => {
    const [near, far] = await socketPair();
    near.setNoDelay(true);
    const message = new Promise((resolve) => openControlChannel(far, resolve));
    for (const byte of Buffer.from('{"type":"\u00e9"}\n')) near.write(Uint8Array.of(byte));
    assert.deepEqual(await message, { type: '\u00e9' });
  });

  const malformed = [
    { behaviour: 'text that is not JSON', bytes: 'hello\n' },
    { behaviour: 'a message without a type', bytes: '{"pid":1}\n' },
    { behaviour: 'a message that is no object', bytes: '"type"\n' },
    { behaviour: 'an empty line', bytes: '\n' },
    { behaviour: 'a line without an end', bytes: `{"type":"${'x'.repeat(maxLineLength)}` },
  ];
  for (const { behaviour, bytes } of malformed) {
    it(`closes with an error on ${behaviour} and delivers nothing after it`, async () => {
      const [near, far] = await socketPair();
      near.on('error', () => {});
      const received: Message[] = [];
      const channel = openControlChannel<Message, Message>(far, (message) => received.push(message));
      const closed = new Promise<Error | null>((resolve) => channel.onClose(resolve));
      near.write(`{"type":"good"}\n${bytes}{"type":"late"}\n`);
      assert.match(String(await closed), /control message/);
      assert.deepEqual(received, [{ type: 'good' }]);
    });
  }

  it('closes without an error when the other side ends', async () => {
    const [near, far] = await socketPair();
    const channel = openControlChannel(far, () => {});
    const closed = new Promise<Error | null>((resolve) => channel.onClose(resolve));
    near.end();
    assert.equal(await closed, null);
    channel.send({ type: 'into the void' });
    assert.equal(await new Promise((resolve) => channel.onClose(resolve)), null);
  });

  it('closes rather than buffer without end for a peer that reads nothing', async () => {
    const [near, far] = await socketPair();
    far.pause();
    const channel = openControlChannel<Message, Message>(near, () => {});
    const closed = new Promise<Error | null>((resolve) => channel.onClose(resolve));
    const text = 'x'.repeat(1024 * 1024);
    for (let sent = 0; sent < 32; sent += 1) channel.send({ type: 'flood', text });
    assert.match(String(await closed), /reads no control messages/);
  });
});
