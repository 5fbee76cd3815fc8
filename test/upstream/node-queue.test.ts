import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { endFlag, frameType } from '../../src/link/frame.ts';
import type { NodeDispatcherOptions } from '../../src/upstream/node.ts';
import { requestEnviron } from '../worker/environ-block.ts';
import { NodeHarness, responsePayload, type ScriptedWorker } from './node-harness.ts';
import { RecordingSink } from './recording-sink.ts';

const ok = responsePayload('200 OK\0');

describe('requests for workers', () => {
  let harness: NodeHarness;
  afterEach(() => harness.stop());
  const start = (options: Partial<NodeDispatcherOptions>): void => {
    harness = new NodeHarness(options);
  };
  const dispatch = (content?: string): RecordingSink =>
    new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/'), content);
  const idsOf = (worker: ScriptedWorker): readonly number[] =>
    worker.frames.filter(({ type }) => type === frameType.request).map(({ id }) => id);

  it('go to the one that has the fewest', async () => {
    start({});
    const [first, second] = [await harness.addScriptedWorker(), await harness.addScriptedWorker()];
    const sinks = Array.from({ length: 4 }, () => dispatch());
    await Promise.all([first.receive(frameType.request, 2), second.receive(frameType.request, 2)]);
    first.send(frameType.response, 1, ok, endFlag);
    first.send(frameType.response, 2, ok, endFlag);
    await harness.until(() => sinks.filter(({ outcome }) => outcome === 'complete').length === 2, 'two answers');
    dispatch();
    dispatch();
    await first.receive(frameType.request, 4);
    assert.deepEqual(idsOf(first), [1, 2, 3, 4]);
    assert.deepEqual(idsOf(second), [1, 2]);
  });

  it('are spread where all have the same', async () => {
    start({});
    const workers = [await harness.addScriptedWorker(), await harness.addScriptedWorker()];
    for (let round = 1; round <= 6; round++) {
      const sink = dispatch();
      await harness.until(() => workers.some((worker) => idsOf(worker).length > 0), 'no request');
      const worker = workers.find((candidate) => idsOf(candidate).length > 0);
      worker?.send(frameType.response, idsOf(worker).at(-1) ?? 0, ok, endFlag);
      await sink.ended();
      assert.equal(harness.dispatcher.inFlight, 0);
      for (const { frames } of workers) if (round < 6) frames.length = 0;
    }
    const ids = workers.map((worker) => worker.frames.at(-1)?.id ?? 0);
    assert.ok(Math.max(...ids) <= 3, `one worker had ${Math.max(...ids)} of 6`);
  });

  it('wait while all workers are full, and go in order', async () => {
    start({ requestsPerWorker: 2 });
    const worker = await harness.addScriptedWorker();
    const sinks = Array.from({ length: 5 }, () => dispatch());
    await worker.receive(frameType.request, 2);
    assert.deepEqual(
      sinks.map(({ dispatches }) => dispatches),
      [1, 1, 0, 0, 0],
    );
    assert.equal(harness.dispatcher.inFlight, 5);
    worker.send(frameType.response, 2, ok, endFlag);
    await worker.receive(frameType.request, 3);
    assert.deepEqual(
      sinks.map(({ dispatches }) => dispatches),
      [1, 1, 1, 0, 0],
    );
  });

  it('that come from an answer do not overtake those that wait', async () => {
    start({ requestsPerWorker: 1 });
    const worker = await harness.addScriptedWorker();
    const [first, waiting] = [dispatch(), dispatch()];
    let next: RecordingSink | undefined;
    const respond = first.respond.bind(first);
    first.respond = (...response) => {
      next = dispatch();
      respond(...response);
    };
    await worker.receive(frameType.request);
    worker.send(frameType.response, 1, ok, endFlag);
    await worker.receive(frameType.request, 2);
    assert.equal(waiting.dispatches, 1);
    assert.equal(next?.dispatches, 0);
  });

  it('wait for the first worker', async () => {
    start({});
    const sink = dispatch('content');
    assert.equal(sink.dispatches, 0);
    const worker = await harness.addScriptedWorker();
    assert.equal((await worker.receive(frameType.content)).payload, 'content');
    assert.equal(sink.dispatches, 1);
  });

  it('are refused where too many wait', async () => {
    start({ queueMax: 2 });
    const sinks = [dispatch(), dispatch(), dispatch()];
    assert.deepEqual(
      sinks.map(({ outcome }) => outcome),
      [null, null, 'overload.queue'],
    );
    assert.equal(harness.dispatcher.inFlight, 2);
  });

  it('are refused where their environ is longer than a worker was told', async () => {
    start({ maxEnvironBytes: 1000 });
    await harness.addScriptedWorker();
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron(`/${'x'.repeat(1000)}`));
    assert.equal(await sink.ended(), 'fields.too-large');
    assert.equal(harness.dispatcher.inFlight, 0);
  });

  it('leave the queue when they are aborted, from anywhere in it', async () => {
    start({ requestsPerWorker: 10 });
    const sinks = Array.from({ length: 6 }, () => dispatch());
    for (const index of [0, 2, 5]) sinks[index]?.abort();
    assert.equal(harness.dispatcher.inFlight, 3);
    const worker = await harness.addScriptedWorker();
    await worker.receive(frameType.request, 3);
    assert.deepEqual(
      sinks.map(({ dispatches }) => dispatches),
      [0, 1, 0, 1, 1, 0],
    );
    assert.ok(sinks.every(({ violations }) => violations.length === 0));
  });

  it('hold no worker back for the sink of one that throws', async () => {
    start({});
    const worker = await harness.addScriptedWorker();
    const broken = dispatch();
    broken.respond = () => {
      throw new Error('our own fault');
    };
    const sound = dispatch();
    await worker.receive(frameType.request, 2);
    worker.send(frameType.response, 1, responsePayload('200 OK\0', 'x'));
    worker.send(frameType.response, 2, ok, endFlag);
    assert.equal(await sound.ended(), 'complete');
    assert.equal((await worker.receive(frameType.abort)).id, 1);
    assert.match(harness.logged, /an answer could not be taken\n +Error: our own fault/);
  });

  it('that are aborted stay on the account of a worker until it lets go', async () => {
    start({ requestsPerWorker: 1 });
    const worker = await harness.addScriptedWorker();
    const [first, second] = [dispatch(), dispatch()];
    await worker.receive(frameType.request);
    first.abort();
    await worker.receive(frameType.abort);
    assert.equal(second.dispatches, 0);
    worker.send(frameType.response, 1, responsePayload('200 OK\0', 'too late'));
    worker.send(frameType.abort, 1, 'cancelled');
    await worker.receive(frameType.request, 2);
    assert.equal(second.dispatches, 1);
    assert.deepEqual(first.violations, []);
  });

  it('do not go to a worker that drains, which is closed when it is idle', async () => {
    start({});
    const worker = await harness.addScriptedWorker();
    const running = dispatch();
    await worker.receive(frameType.request);
    worker.send(frameType.draining, 0);
    await harness.until(() => harness.dispatcher.workers === 0, 'still taken for open');
    const waiting = dispatch();
    worker.send(frameType.response, 1, ok, endFlag);
    assert.equal(await running.ended(), 'complete');
    await worker.closed;
    assert.equal(waiting.dispatches, 0);
    const other = await harness.addScriptedWorker();
    await other.receive(frameType.request);
    assert.equal(waiting.dispatches, 1);
    assert.deepEqual(harness.gone, [{ worker: 1, fault: null }]);
  });
});
