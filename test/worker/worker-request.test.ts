import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maxPieceBytes } from '../../src/link/frame.ts';
import { FrameBatch } from '../../src/link/frame-batch.ts';
import { EnvironDecoder } from '../../src/worker/decode-environ.ts';
import { environConstants } from '../../src/worker/environ-app.ts';
import { WorkerRequest } from '../../src/worker/worker-request.ts';

/** Takes everything and says of nothing that it has left. */
class StuckSocket {
  writableLength = 0;
  readonly destroyed = false;

  write(bytes: Uint8Array): void {
    this.writableLength += bytes.length;
  }
}

const responseWindowBytes = 1024 * 1024;
const context = {
  app: () => [],
  appName: 'app',
  requestHooks: null,
  log: { debug() {}, info() {}, warning() {}, error() {}, critical() {}, limited() {} },
  decoder: new EnvironDecoder(environConstants(true)),
  contentWindowBytes: 65536,
  responseWindowBytes,
  maxHeadBytes: 65536,
};

function requestOn(batch: FrameBatch): WorkerRequest {
  return new WorkerRequest(1, { REQUEST_METHOD: 'GET' }, false, context, batch, { requestEnded() {} });
}

describe('a response in a worker', () => {
  it('may fill its window while the link has room', () => {
    assert.equal(requestOn(new FrameBatch(new StuckSocket())).window, responseWindowBytes);
  });

  it('sends its first 16 KiB over a link that is full, and waits with the rest', () => {
    const batch = new FrameBatch(new StuckSocket());
    while (batch.hasRoom) batch.content(7, Buffer.alloc(maxPieceBytes), false);
    const request = requestOn(batch);
    assert.equal(request.window, 16_384);
    request.respond('200 OK\0', Buffer.alloc(10_000), 10_000, false);
    assert.equal(request.window, 6_384);
    request.respondContent(Buffer.alloc(6_384), 6_384, false);
    assert.equal(request.window, 0);
  });
});
