import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { platform } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { within } from '../support/deadline.ts';
import { get, type Server, startServer } from './server.ts';

const writeMs = 2000;
const policy = {
  timeouts: { write: `${writeMs}ms`, writeMinRate: '1KiB/s', rateGrace: '1s' },
  response: { bufferBytes: '64KiB' },
};

describe('a response without end', () => {
  let server: Server;
  before(async () => {
    server = await startServer({ policy });
  });
  after(() => server.stop());

  it('is not cut while its client reads 64 KiB/s', {
    skip: platform() !== 'linux' && 'only Linux says so',
  }, async () => {
    const { receivedBytes } = await readAt(64 * 1024, 4 * writeMs, server.port);
    assert.ok(receivedBytes > 4 * 64 * 1024, `${receivedBytes} bytes`);
    assert.doesNotMatch(server.program.stderr, /timeout\.write|too-slow/);
  });

  it('is cut where its client reads nothing', async () => {
    const client = await server.connect();
    client.socket.pause();
    client.send(get('/endless'));
    await server.program.logged(/timeout\.write \(no byte was taken for 2000 ms\)/);
  });
});

/**
 * Reads a response at `bytesPerSecond` for so long, and fails if it ends before. A kernel's buffer of 4 MiB takes a minute to
 * empty at this rate, so all this time hardly anything leaves the server.
 */
async function readAt(bytesPerSecond: number, forMs: number, port: number): Promise<{ receivedBytes: number }> {
  const everyMs = 100;
  const piece = Buffer.alloc((bytesPerSecond * everyMs) / 1000);
  let receivedBytes = 0;
  let socket: Socket | undefined;
  const reading = new Promise<{ receivedBytes: number }>((resolve, reject) => {
    // One read of the kernel each time: Node's own buffers would take more at once.
    const callback = (bytes: number): boolean => {
      receivedBytes += bytes;
      return false;
    };
    socket = connect({ port, host: '127.0.0.1', onread: { buffer: piece, callback } });
    socket.write(get('/endless'));
    const pace = setInterval(() => socket?.resume(), everyMs);
    const end = setTimeout(() => resolve({ receivedBytes }), forMs);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(pace);
      clearTimeout(end);
      reject(new Error(`cut after ${receivedBytes} bytes`));
    });
  });
  return within(forMs + 30_000, reading, () => 'neither read nor cut').finally(() => socket?.destroy());
}
