import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { badCases, goodCases } from '../worker/app-cases.ts';
import { requestEnviron } from '../worker/environ-block.ts';
import type { WorkerProcess } from '../worker/worker-process.ts';
import { NodeHarness } from './node-harness.ts';
import { RecordingSink } from './recording-sink.ts';

let harness: NodeHarness;
let worker: WorkerProcess;
before(async () => {
  harness = new NodeHarness();
  worker = await harness.addWorker();
});
after(() => harness.stop());

/** What the worker wrote into its error log since then; all of it, since the answer comes after the line. */
async function loggedSince(length: number, pattern: RegExp | null): Promise<string> {
  if (pattern !== null) await worker.logged(new RegExp(`^[^]{${length}}[^]*${pattern.source}`));
  return worker.stderr.slice(length);
}

describe('a worker answers with', () => {
  for (const { behaviour, app, method = 'GET', content, status, answer, field, logged } of goodCases) {
    it(behaviour, async () => {
      const { length } = worker.stderr;
      const environ = requestEnviron(`/${app}`, { REQUEST_METHOD: method });
      const sink = new RecordingSink().dispatch(harness.dispatcher, environ, content);
      assert.equal(await sink.ended(), 'complete');
      assert.equal(sink.status, status);
      assert.equal(sink.content, answer);
      if (field !== undefined) assert.deepEqual(sink.fields, [field]);
      const lines = await loggedSince(length, logged);
      if (logged === null) assert.equal(lines, '');
      assert.equal(harness.dispatcher.inFlight, 0);
    });
  }
});

describe('a worker survives an application that', () => {
  for (const { behaviour, app, status, answer, isCut = false, logged } of badCases) {
    it(behaviour, async () => {
      const { length } = worker.stderr;
      const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron(`/${app}`));
      assert.equal(await sink.ended(), isCut ? 'worker.failed' : 'complete');
      assert.equal(sink.status, status);
      if (app !== 'write-forever') assert.equal(sink.content, answer);
      assert.match(await loggedSince(length, logged), /apps\.js:app: request r\d+: /);
      const next = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'));
      assert.equal(await next.ended(), 'complete');
      assert.equal(harness.dispatcher.inFlight, 0);
    });
  }
});

describe('a worker', () => {
  it('prints what the application prints', async () => {
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/prints'));
    assert.equal(await sink.ended(), 'complete');
    await harness.until(() => worker.stdout.includes('printed by the application\n'), 'nothing was printed');
  });

  it('survives a promise that nobody awaits', async () => {
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/unhandled-rejection'));
    assert.equal(await sink.ended(), 'complete');
    await worker.logged(/unhandled rejection in the application\n +Error: nobody looks/);
    const next = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'));
    assert.equal(await next.ended(), 'complete');
  });

  it('refuses a start that comes after the end', async () => {
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/no-start-write-later'));
    assert.equal(await sink.ended(), 'complete');
    assert.equal(sink.status, '500 Internal Server Error');
    await worker.logged(/late: startResponse: the response is over/);
  });
});
