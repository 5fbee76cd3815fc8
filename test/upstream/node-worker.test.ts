import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { frameType } from '../../src/link/frame.ts';
import { requestEnviron } from '../worker/environ-block.ts';
import { NodeHarness } from './node-harness.ts';
import { RecordingSink } from './recording-sink.ts';

const mebibyte = 1 << 20;
const window = 100_000;
const contentWindow = 65_536;

let harness: NodeHarness;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'marks-'));
});
afterEach(async () => {
  await harness.stop();
  rmSync(folder, { recursive: true });
});

/** Requests to an application that leaves their ids in a file before it answers. */
class Marks {
  readonly path = join(folder, 'marks');
  readonly sinks: RecordingSink[] = [];

  constructor() {
    closeSync(openSync(this.path, 'w'));
  }

  /** `milliseconds` of the worker's time each. */
  dispatch(milliseconds: number): RecordingSink {
    const id = `m${this.sinks.length}`;
    const environ = requestEnviron('/mark', {
      QUERY_STRING: this.path,
      HTTP_MS: String(milliseconds),
      'portcullis.request_id': id,
    });
    const sink = new RecordingSink(id).dispatch(harness.dispatcher, environ);
    this.sinks.push(sink);
    return sink;
  }

  /** Ids of requests whose application call began. */
  get begun(): readonly string[] {
    return readFileSync(this.path, 'latin1').split('\n').filter(Boolean);
  }

  async endedAs(outcome: string): Promise<readonly string[]> {
    await Promise.all(this.sinks.map((sink) => sink.ended()));
    return this.sinks.filter((sink) => sink.outcome === outcome).map(({ requestId }) => requestId);
  }
}

describe('a worker that is killed', () => {
  it('fails what it had begun, and another runs the rest, each request once', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const marks = new Marks();
    for (let request = 0; request < 20; request++) marks.dispatch(20);
    await harness.until(() => marks.begun.length >= 3, 'nothing begun');
    worker.process.kill('SIGKILL');
    await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
    await harness.addWorker();
    const failed = await marks.endedAs('worker.failed');
    const complete = await marks.endedAs('complete');
    assert.equal(failed.length + complete.length, 20);
    assert.ok(failed.length >= 1 && complete.length >= 1, `${failed.length} failed`);
    assert.equal(new Set(marks.begun).size, marks.begun.length, 'a request ran twice');
    assert.ok(complete.every((id) => marks.begun.includes(id)));
    // Killed between the mark of the link and the application's own, at most.
    assert.ok(failed.filter((id) => !marks.begun.includes(id)).length <= 1);
    assert.match(harness.logged, /worker 1 \(pid \d+\) is gone: \d+ of its requests failed, \d+ go to another worker/);
  });

  it('under load, again and again, makes no request run twice', async () => {
    harness = new NodeHarness({ requestsPerWorker: 16 });
    const marks = new Marks();
    let victim = await harness.addWorker();
    await harness.addWorker();
    for (let kill = 0; kill < 3; kill++) {
      const wanted = marks.begun.length + 30;
      for (let request = 0; request < 60; request++) marks.dispatch(1);
      await harness.until(() => marks.begun.length >= wanted, 'no progress');
      victim.process.kill('SIGKILL');
      victim = await harness.addWorker();
    }
    const failed = await marks.endedAs('worker.failed');
    const complete = await marks.endedAs('complete');
    assert.equal(failed.length + complete.length, 180);
    assert.equal(new Set(marks.begun).size, marks.begun.length, 'a request ran twice');
    assert.ok(failed.filter((id) => !marks.begun.includes(id)).length <= 3);
    assert.ok(failed.length <= 3 * 16);
  });
});

describe('a request that is aborted', () => {
  it('before its worker has read it is not run', async () => {
    harness = new NodeHarness();
    await harness.addWorker();
    const marks = new Marks();
    const [running, aborted, last] = [marks.dispatch(20), marks.dispatch(0), marks.dispatch(0)];
    aborted.abort();
    assert.equal(await running.ended(), 'complete');
    assert.equal(await last.ended(), 'complete');
    assert.deepEqual(marks.begun, ['m0', 'm2']);
    await harness.until(() => harness.dispatcher.inFlight === 0, 'the worker did not let go');
  });

  it('while the worker is busy with another is not run', async () => {
    harness = new NodeHarness();
    await harness.addWorker();
    const marks = new Marks();
    marks.dispatch(100);
    await harness.until(() => marks.begun.length === 1, 'nothing begun');
    const aborted = marks.dispatch(0);
    const last = marks.dispatch(0);
    setImmediate(() => aborted.abort());
    assert.equal(await last.ended(), 'complete');
    assert.deepEqual(marks.begun, ['m0', 'm2']);
  });

  const cases = [
    { behaviour: 'releases a generator', path: '/endless', hasContent: false, running: /^/, released: /: released/ },
    {
      behaviour: 'releases an async generator',
      path: '/endless-async',
      hasContent: false,
      running: /^/,
      released: /: released/,
    },
    {
      behaviour: 'tells one that reads content',
      path: '/never-told',
      hasContent: true,
      running: /: running/,
      released: /told: the client is gone/,
    },
    {
      behaviour: 'is let go where nothing can be stopped',
      path: '/never',
      hasContent: false,
      running: /: running/,
      released: /^/,
    },
  ];
  for (const { behaviour, path, hasContent, running, released } of cases) {
    it(`while it runs ${behaviour}`, async () => {
      harness = new NodeHarness();
      const worker = await harness.addWorker();
      const sink = new RecordingSink('r', { isFast: false });
      sink.dispatch(harness.dispatcher, requestEnviron(path), hasContent ? null : undefined);
      if (path.startsWith('/endless')) await sink.until(() => sink.contentBytes === window, 'not begun');
      await worker.logged(running);
      sink.abort();
      await worker.logged(released);
      await harness.until(() => harness.dispatcher.inFlight === 0, 'the worker did not let go');
      assert.deepEqual(sink.violations, []);
      const next = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'));
      assert.equal(await next.ended(), 'complete');
    });
  }
});

describe('content', () => {
  it('of a response waits for a slow client, byte for byte', async () => {
    harness = new NodeHarness({ responseWindowBytes: window });
    await harness.addWorker();
    const total = 1_000_001;
    const environ = requestEnviron('/download', { QUERY_STRING: String(total) });
    const sink = new RecordingSink('slow', { isFast: false }).dispatch(harness.dispatcher, environ);
    let acknowledged = 0;
    while (sink.outcome === null) {
      const most = Math.min(total, acknowledged + window);
      await sink.until(() => sink.contentBytes >= acknowledged + window / 2 || sink.outcome !== null, 'stopped');
      assert.ok(sink.contentBytes <= most, `${sink.contentBytes} of ${most}`);
      const bytes = Math.min(40_000, sink.contentBytes - acknowledged);
      sink.acknowledge(bytes);
      acknowledged += bytes;
    }
    assert.equal(await sink.ended(), 'complete');
    assert.equal(sink.contentBytes, total);
  });

  it('beyond the window of write() makes it a promise', async () => {
    harness = new NodeHarness({ responseWindowBytes: window });
    await harness.addWorker();
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/write-patiently'));
    assert.equal(await sink.ended(), 'complete');
    const expected = Array.from({ length: 30 }, (_, round) => String.fromCharCode(97 + round).repeat(100_000)).join('');
    assert.ok(sink.content === expected);
  });

  it('of 256 MiB each way grows neither process', async () => {
    harness = new NodeHarness({ responseWindowBytes: mebibyte });
    const worker = await harness.addWorker();
    const total = 256 * mebibyte;
    const peakBefore = peakBytes(worker.pid);
    let heldHere = 0;
    const download = new RecordingSink('down', { keepsContent: false });
    download.onContent = () => {
      heldHere = Math.max(heldHere, process.memoryUsage().arrayBuffers);
    };
    download.dispatch(harness.dispatcher, requestEnviron('/download', { QUERY_STRING: String(total) }));
    assert.equal(await download.ended(), 'complete');
    assert.equal(download.contentBytes, total);

    const upload = new RecordingSink('up').dispatch(harness.dispatcher, requestEnviron('/count-content'), null);
    const piece = Buffer.alloc(contentWindow, 'x');
    let sent = 0;
    while (sent < total) {
      await upload.until(() => contentWindow + upload.granted > sent, 'no grant');
      const bytes = Math.min(total - sent, contentWindow + upload.granted - sent, contentWindow);
      upload.request?.sendContent(piece.subarray(0, bytes));
      sent += bytes;
      heldHere = Math.max(heldHere, process.memoryUsage().arrayBuffers);
    }
    upload.request?.endContent();
    assert.equal(await upload.ended(), 'complete');
    assert.equal(upload.content, String(total));
    const grown = peakBytes(worker.pid) - peakBefore;
    assert.ok(grown < 64 * mebibyte, `the worker grew by ${grown} bytes`);
    assert.ok(heldHere < 64 * mebibyte, `${heldHere} bytes are held here`);
  });

  it('that nobody reads does not keep the response', async () => {
    harness = new NodeHarness();
    await harness.addWorker();
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/ignore-content'), null);
    sink.request?.sendContent(Buffer.alloc(contentWindow));
    assert.equal(await sink.ended(), 'complete');
    sink.request?.endContent();
    const next = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/echo'), 'next');
    assert.equal(await next.ended(), 'complete');
    assert.equal(next.content, 'next');
  });
});

describe('a worker', () => {
  it('goes on where the request ids wrap around', async () => {
    harness = new NodeHarness({ firstId: 0xfffffffd });
    await harness.addWorker();
    for (let round = 0; round < 3; round++) {
      const sinks = Array.from({ length: 4 }, (_, index) =>
        new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/echo'), `${round}.${index}`),
      );
      for (const [index, sink] of sinks.entries()) {
        assert.equal(await sink.ended(), 'complete');
        assert.equal(sink.content, `${round}.${index}`);
      }
    }
  });

  it('lets a finished answer out before it makes a call that may be long', async () => {
    harness = new NodeHarness();
    await harness.addWorker();
    const marks = new Marks();
    marks.dispatch(5);
    const sync = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'));
    const async = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/echo'), '');
    const long = marks.dispatch(300);
    await Promise.all([sync.ended(), async.ended()]);
    assert.equal(long.outcome, null);
    assert.equal(await long.ended(), 'complete');
  });

  it('serves many requests at once', async () => {
    harness = new NodeHarness();
    await harness.addWorker();
    const sinks = Array.from({ length: 2000 }, (_, index) =>
      new RecordingSink().dispatch(
        harness.dispatcher,
        requestEnviron(index % 2 === 0 ? '/echo' : '/echo-stream'),
        index % 3 === 0 ? `content ${index}` : '',
      ),
    );
    // Two thousand for one worker that takes a thousand: the rest waits or is refused.
    const outcomes = await Promise.all(sinks.map((sink) => sink.ended()));
    assert.equal(outcomes.filter((outcome) => outcome === 'complete').length, 1100);
    assert.equal(outcomes.filter((outcome) => outcome === 'overload.queue').length, 900);
    const wrong = sinks.filter(
      ({ content, outcome }, index) =>
        outcome === 'complete' && content !== (index % 3 === 0 ? `content ${index}` : ''),
    );
    assert.equal(wrong.length, 0);
  });

  it('that drains finishes what runs, takes nothing new and exits with 0', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const running = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/echo'), null);
    // Answered behind it: the worker has begun both.
    await new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string')).ended();
    worker.send({ type: 'drain' });
    await harness.until(() => harness.dispatcher.workers === 0, 'not draining');
    const waiting = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'));
    running.request?.sendContent(Buffer.from('late'));
    running.request?.endContent();
    assert.equal(await running.ended(), 'complete');
    assert.equal(running.content, 'late');
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.equal(waiting.dispatches, 0);
    await harness.addWorker();
    assert.equal(await waiting.ended(), 'complete');
  });

  it('that is let go gets no request from then on, though it is too busy to say that it drains', async () => {
    harness = new NodeHarness();
    const busy = await harness.addScriptedWorker();
    const running = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'), null);
    await busy.receive(frameType.request);
    harness.dispatcher.workerLeaves(1);
    const later = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'));
    assert.deepEqual([harness.dispatcher.workers, harness.dispatcher.waiting], [0, 1]);
    await harness.addWorker();
    assert.equal(await later.ended(), 'complete');
    busy.send(frameType.draining, 0);
    busy.socket.end();
    // It has begun nothing.
    assert.equal(await running.ended(), 'complete');
    assert.deepEqual(
      busy.frames.map(({ type }) => type),
      [frameType.welcome, frameType.request],
    );
  });

  it('that drains before it was welcome gives back what it was sent', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const { path, token, startedPath } = await harness.dispatcher.expectWorker(9, worker.pid);
    worker.send({ type: 'connect', path, token, startedPath });
    worker.send({ type: 'drain' });
    const sinks = [1, 2, 3].map(() => new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string')));
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    await harness.addWorker();
    for (const sink of sinks) assert.equal(await sink.ended(), 'complete');
  });

  it('that drains with nothing to do exits at once', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    worker.send({ type: 'drain' });
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
  });

  it('that is told to stop exits at once, and what it ran fails', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const running = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/never'));
    await worker.logged(/: running/);
    worker.send({ type: 'stop' });
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.equal(await running.ended(), 'worker.failed');
  });

  it('with an exception that nobody caught finishes what runs and exits with 1', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const running = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/echo'), null);
    const culprit = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/uncaught-exception'));
    assert.equal(await culprit.ended(), 'complete');
    await worker.logged(
      /\[CRITICAL\] uncaught exception in the application; this worker ends\n +Error: nobody catches/,
    );
    await harness.until(() => harness.dispatcher.workers === 0, 'not draining');
    running.request?.endContent();
    assert.equal(await running.ended(), 'complete');
    assert.deepEqual(await worker.exit(), { code: 1, signal: null });
  });

  it('whose application exits the process is gone like any other', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/exits'));
    assert.equal(await sink.ended(), 'worker.failed');
    assert.equal((await worker.exit()).signal, null);
  });

  it('serves two edges, and outlives one of them', async () => {
    harness = new NodeHarness();
    const worker = await harness.addWorker();
    const other = new NodeHarness();
    try {
      await other.link(worker);
      const running = new RecordingSink().dispatch(other.dispatcher, requestEnviron('/endless-async'));
      await running.until(() => running.contentBytes > window, 'not begun');
      other.dispatcher.close();
      await worker.logged(/: released/);
    } finally {
      await other.stop();
    }
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/string'));
    assert.equal(await sink.ended(), 'complete');
  });
});

/** The most memory that a process had so far. */
function peakBytes(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kibibytes) * 1024;
}
