import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { endFlag, frameType } from '../../src/link/frame.ts';
import { requestEnviron } from '../worker/environ-block.ts';
import { bounds, NodeHarness, responsePayload, type ScriptedWorker } from './node-harness.ts';
import { RecordingSink } from './recording-sink.ts';

let harness: NodeHarness;
afterEach(() => harness.stop());

function ask(environ: string, content?: string): RecordingSink {
  return new RecordingSink().dispatch(harness.dispatcher, Buffer.from(environ, 'latin1'), content);
}

describe('a reload', () => {
  const small = {
    contentWindowBytes: 1_000,
    responseWindowBytes: 3_000,
    maxResponseHeadBytes: 500,
    maxEnvironBytes: 9,
  };
  const welcomes = (worker: ScriptedWorker): readonly string[] =>
    worker.frames
      .filter(({ type }) => type === frameType.welcome || type === frameType.request)
      .map(({ type, payload }) => (type === frameType.request ? payload : `window ${windowIn(payload)}`));
  const windowIn = (payload: string): number => Buffer.from(payload, 'latin1').readUInt32LE(4);

  it('is told with the first request that it concerns, on the same link', async () => {
    harness = new NodeHarness();
    const worker = await harness.addScriptedWorker();
    ask('A\0\0');
    harness.dispatcher.adopt({ ...bounds, ...small });
    ask('B\0\0');
    ask('C\0\0');
    await worker.receive(frameType.request, 3);
    assert.deepEqual(welcomes(worker), ['window 65536', 'A\0\0', 'window 1000', 'B\0\0', 'C\0\0']);
  });

  it('takes no window from a request that another worker had not begun', async () => {
    harness = new NodeHarness();
    const first = await harness.addScriptedWorker();
    const sink = ask('A\0\0', 'x'.repeat(60_000));
    await first.receive(frameType.request);
    harness.dispatcher.adopt({ ...bounds, ...small });
    const second = await harness.addScriptedWorker();
    first.socket.destroy();
    await second.receive(frameType.content);
    ask('B\0\0');
    await second.receive(frameType.request, 2);
    assert.deepEqual(welcomes(second), ['window 1000', 'window 65536', 'A\0\0', 'window 1000', 'B\0\0']);
    second.send(frameType.response, 1, responsePayload('200 OK\0', 'x'.repeat(50_000)), endFlag);
    assert.equal(await sink.ended(), 'complete');
  });

  it('bounds the frames of later requests at once, and those of the link when the older ones have ended', async () => {
    harness = new NodeHarness({ maxResponseHeadBytes: 200_000 });
    const worker = await harness.addScriptedWorker();
    const older = ask('A\0\0');
    harness.dispatcher.adopt({ ...bounds, ...small });
    const later = ask('B\0\0');
    await worker.receive(frameType.request, 2);
    const head = `200 OK\0X-Long\0${'x'.repeat(150_000)}\0`;
    worker.send(frameType.response, 1, responsePayload(head), endFlag);
    assert.equal(await older.ended(), 'complete');
    worker.send(frameType.response, 2, responsePayload(head), endFlag);
    assert.equal(await later.ended(), 'worker.failed');
    assert.match(later.detail, /^frame of 150\d+ bytes, more than \d+$/);
  });

  it('changes what the queue holds and the longest environ', async () => {
    harness = new NodeHarness();
    const fits = ask('LONG\0LONG\0');
    harness.dispatcher.adopt({ ...bounds, ...small, queueMax: 1 });
    const refused = ask('A\0\0');
    assert.equal(await refused.ended(), 'overload.queue');
    harness.dispatcher.adopt({ ...bounds, ...small });
    const tooLong = ask('LONG\0LONG\0');
    assert.equal(await tooLong.ended(), 'fields.too-large');
    const worker = await harness.addScriptedWorker();
    assert.equal((await worker.receive(frameType.request)).payload, 'LONG\0LONG\0');
    assert.equal(fits.outcome, null);
  });

  it('leaves content and responses whole with a real worker, whatever the windows', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const sinks: RecordingSink[] = [];
    for (let round = 0; round < 30; round++) {
      const contentWindowBytes = [1, 700, 65_536][round % 3] ?? 1;
      const responseWindowBytes = [65_536, 1, 1_000_000, 500][round % 4] ?? 1;
      harness.dispatcher.adopt({ ...bounds, contentWindowBytes, responseWindowBytes });
      const content = Buffer.alloc(contentWindowBytes, String(round % 10));
      sinks.push(new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/echo', {}), content));
    }
    for (const [round, sink] of sinks.entries()) {
      assert.equal(await sink.ended(), 'complete');
      assert.equal(sink.content, String(round % 10).repeat([1, 700, 65_536][round % 3] ?? 1));
    }
    assert.deepEqual(harness.gone, []);
    assert.equal(harness.dispatcher.workers, 1);
    assert.ok(worker.pid > 0);
  });
});
