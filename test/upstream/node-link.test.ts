import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, statSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { endFlag, frameType } from '../../src/link/frame.ts';
import { frameBytes, u32 } from '../link/bytes.ts';
import { requestEnviron } from '../worker/environ-block.ts';
import { NodeHarness, responsePayload, ScriptedWorker } from './node-harness.ts';
import { RecordingSink } from './recording-sink.ts';

const ok = responsePayload('200 OK\0');
const window = 100_000;
const contentWindow = 65_536;

let harness: NodeHarness;
beforeEach(() => {
  harness = new NodeHarness({ contentWindowBytes: contentWindow, responseWindowBytes: window });
});
afterEach(() => harness.stop());

/** What a worker does wrong to request 1, which has sent content, and what the edge says of it. */
const badFrames: readonly { readonly behaviour: string; readonly frames: readonly Buffer[]; readonly fault: RegExp }[] =
  [
    { behaviour: 'an unknown type', frames: [frameBytes(77, 1)], fault: /unknown type 77/ },
    { behaviour: 'a reserved flag', frames: [frameBytes(frameType.response, 1, ok, 4)], fault: /flags 4/ },
    {
      behaviour: 'a payload too long',
      frames: [u32(10_000_000), Buffer.from('0400000001000000', 'hex')],
      fault: /10000000/,
    },
    { behaviour: 'an id that never was', frames: [frameBytes(frameType.response, 2, ok, endFlag)], fault: /request 2/ },
    {
      behaviour: 'an id that is done',
      frames: [frameBytes(frameType.response, 1, ok, endFlag), frameBytes(frameType.content, 1, 'x')],
      fault: /request 1, which does not run/,
    },
    {
      behaviour: 'a second abort',
      frames: [frameBytes(frameType.abort, 1), frameBytes(frameType.abort, 1)],
      fault: /request 1, which does not run/,
    },
    {
      behaviour: 'a second response',
      frames: [frameBytes(frameType.response, 1, ok), frameBytes(frameType.response, 1, ok)],
      fault: /second response/,
    },
    {
      behaviour: 'a second response that ends',
      frames: [frameBytes(frameType.response, 1, ok), frameBytes(frameType.response, 1, ok, endFlag)],
      fault: /second response/,
    },
    { behaviour: 'content before its head', frames: [frameBytes(frameType.content, 1, 'x')], fault: /before its head/ },
    {
      behaviour: 'content without a byte',
      frames: [frameBytes(frameType.response, 1, ok), frameBytes(frameType.content, 1)],
      fault: /empty content/,
    },
    {
      behaviour: 'a response without a head',
      frames: [frameBytes(frameType.response, 1, 'x')],
      fault: /without its head/,
    },
    { behaviour: 'an empty head', frames: [frameBytes(frameType.response, 1, u32(0))], fault: /last NUL/ },
    {
      behaviour: 'a head longer than its frame',
      frames: [frameBytes(frameType.response, 1, Buffer.concat([u32(100), Buffer.from('200 OK\0')]))],
      fault: /longer than its frame/,
    },
    {
      behaviour: 'a head without its last NUL',
      frames: [frameBytes(frameType.response, 1, responsePayload('200 OK'))],
      fault: /last NUL/,
    },
    {
      behaviour: 'a name without a value',
      frames: [frameBytes(frameType.response, 1, responsePayload('200 OK\0X-A\0'))],
      fault: /name that has no value/,
    },
    {
      behaviour: 'more content than granted, in one frame',
      frames: [frameBytes(frameType.response, 1, responsePayload('200 OK\0', 'x'.repeat(window + 1)))],
      fault: /more response content than granted/,
    },
    {
      behaviour: 'more content than granted, in many',
      frames: [
        frameBytes(frameType.response, 1, responsePayload('200 OK\0', 'x'.repeat(window))),
        frameBytes(frameType.content, 1, 'x', endFlag),
      ],
      fault: /more response content than granted/,
    },
    { behaviour: 'credit for nothing', frames: [frameBytes(frameType.credit, 1, u32(8))], fault: /not sent/ },
    { behaviour: 'credit of zero', frames: [frameBytes(frameType.credit, 1, u32(0))], fault: /not sent/ },
    { behaviour: 'credit beyond all', frames: [frameBytes(frameType.credit, 1, u32(0xffffffff))], fault: /not sent/ },
    { behaviour: 'credit of five bytes', frames: [frameBytes(frameType.credit, 1, 'xxxxx')], fault: /credit of 5/ },
    { behaviour: 'a request', frames: [frameBytes(frameType.request, 1, 'A\0b\0')], fault: /type 3 from a worker/ },
    { behaviour: 'a welcome', frames: [frameBytes(frameType.welcome, 1, 'x')], fault: /type 2 from a worker/ },
    { behaviour: 'a second hello', frames: [frameBytes(frameType.hello, 0, 'x')], fault: /type 1 for request 0/ },
    { behaviour: 'a fault', frames: [frameBytes(frameType.fault, 1, 'x')], fault: /type 9 from a worker/ },
    { behaviour: 'a draining with an id', frames: [frameBytes(frameType.draining, 1)], fault: /malformed draining/ },
    {
      behaviour: 'a draining with a payload',
      frames: [frameBytes(frameType.draining, 0, 'x')],
      fault: /malformed draining/,
    },
    { behaviour: 'a pace with an id', frames: [frameBytes(frameType.pace, 1, u32(8))], fault: /malformed pace/ },
    { behaviour: 'a pace of three bytes', frames: [frameBytes(frameType.pace, 0, 'xxx')], fault: /malformed pace/ },
  ];

describe('a worker is cut off for', () => {
  for (const { behaviour, frames, fault } of badFrames) {
    it(behaviour, async () => {
      const worker = await harness.addScriptedWorker();
      const first = new RecordingSink('first', { isFast: false });
      first.dispatch(harness.dispatcher, requestEnviron('/'), 'content');
      await worker.receive(frameType.content);
      for (const bytes of frames) worker.socket.write(bytes);
      // Nothing of what comes behind it counts.
      worker.send(frameType.abort, 1, 'behind');
      await worker.closed;
      await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
      assert.match(harness.gone[0]?.fault ?? '', fault);
      assert.match(harness.logged, fault);
      await first.ended();
      if (first.outcome !== 'complete') assert.equal(first.outcome, 'worker.failed');
      assert.notEqual(first.detail, 'behind');
      assert.equal(harness.dispatcher.inFlight, 0);
      assert.equal(harness.dispatcher.workers, 0);
    });
  }

  it('a bad frame, and hears why; others get what comes next', async () => {
    const [bad, good] = [await harness.addScriptedWorker(), await harness.addScriptedWorker()];
    const sinks = [1, 2].map(() => new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/')));
    await Promise.all([bad.receive(frameType.request), good.receive(frameType.request)]);
    bad.send(77, 1);
    assert.match((await bad.receive(frameType.fault)).payload, /unknown type 77/);
    await bad.closed;
    await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
    const next = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/'));
    await good.receive(frameType.request, 2);
    for (const id of [1, 2]) good.send(frameType.response, id, ok, endFlag);
    const outcomes = await Promise.all([...sinks, next].map((sink) => sink.ended()));
    // What it had may have been begun: the worker lives, and may be working through it.
    assert.deepEqual(outcomes.sort(), ['complete', 'complete', 'worker.failed']);
    assert.equal(good.frames.filter(({ type }) => type === frameType.request).length, 2);
  });
});

describe('a link', () => {
  const badGreetings: readonly {
    readonly behaviour: string;
    readonly greet: (worker: ScriptedWorker) => void;
    readonly fault: RegExp;
  }[] = [
    {
      behaviour: 'a wrong token',
      greet: (worker) => worker.hello(process.pid, Buffer.alloc(32)),
      fault: /wrong token/,
    },
    { behaviour: 'another process', greet: (worker) => worker.hello(1), fault: /hello of process 1/ },
    {
      behaviour: 'a request before the hello',
      greet: (worker) => worker.send(frameType.response, 1, ok),
      fault: /before the hello/,
    },
    {
      behaviour: 'bytes of another protocol',
      greet: (worker) => worker.socket.write('GET / HTTP/1.1\r\n\r\n'),
      fault: /reserved|type/,
    },
  ];
  for (const { behaviour, greet, fault } of badGreetings) {
    it(`is refused for ${behaviour}`, async () => {
      const worker = new ScriptedWorker(await harness.dispatcher.expectWorker(1, process.pid));
      greet(worker);
      await worker.closed;
      await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
      assert.match(harness.gone[0]?.fault ?? '', fault);
      assert.equal(harness.dispatcher.workers, 0);
      assert.deepEqual(harness.files, []);
    });
  }

  it('is refused for silence', async () => {
    await harness.stop();
    harness = new NodeHarness({ helloMs: 50 });
    const worker = new ScriptedWorker(await harness.dispatcher.expectWorker(1, process.pid));
    await worker.closed;
    await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
    assert.match(harness.gone[0]?.fault ?? '', /no hello within 50 ms/);
    assert.deepEqual(harness.files, []);
  });

  it('that nobody comes to is given up', async () => {
    await harness.stop();
    harness = new NodeHarness({ helloMs: 50 });
    const { path } = await harness.dispatcher.expectWorker(1, process.pid);
    await harness.until(() => harness.logged.includes('did not connect within 50 ms'), 'still waiting');
    await harness.until(() => !existsSync(path), 'the path is still there');
    assert.deepEqual(harness.files, []);
  });

  it('lets in one connection, and leaves nothing in the private directory', async () => {
    const invitation = await harness.dispatcher.expectWorker(1, process.pid);
    assert.equal(statSync(invitation.startedPath).mode & 0o777, 0o600);
    const worker = new ScriptedWorker(invitation);
    worker.hello();
    await worker.receive(frameType.welcome);
    assert.deepEqual(harness.files, []);
    const second = connect(invitation.path);
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => second.on('error', resolve));
    assert.ok(error.code === 'ENOENT' || error.code === 'ECONNREFUSED');
    worker.socket.destroy();
  });

  it('has new names and a new token each time', async () => {
    const [first, second] = [
      await harness.dispatcher.expectWorker(1, process.pid),
      await harness.dispatcher.expectWorker(2, process.pid),
    ];
    const values = [...Object.values(first), ...Object.values(second)];
    assert.equal(new Set(values).size, 6);
  });

  it('cannot be made where the directory is not there', async () => {
    await harness.stop();
    harness = new NodeHarness({ privateDirectory: '/nowhere/at/all' });
    await assert.rejects(async () => harness.dispatcher.expectWorker(1, process.pid), /ENOENT/);
  });
});

describe('content', () => {
  it('goes to the worker as far as the window, and further as it grants', async () => {
    const worker = await harness.addScriptedWorker();
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/'), null);
    sink.request?.sendContent(Buffer.alloc(contentWindow, 'a'));
    assert.throws(() => sink.request?.sendContent(Buffer.from('b')), /0 are granted/);
    await worker.receive(frameType.content);
    worker.send(frameType.credit, 1, u32(10));
    await sink.until(() => sink.granted === 10, 'no grant');
    sink.request?.sendContent(Buffer.from('b'.repeat(10)));
    sink.request?.endContent();
    await harness.until(() => worker.frames.at(-1)?.end === true, 'no end');
    const content = worker.frames.filter(({ type }) => type === frameType.content).map(({ payload }) => payload);
    assert.equal(content.join('').length, contentWindow + 10);
  });

  it('of a response is granted again as it leaves for the client', async () => {
    const worker = await harness.addScriptedWorker();
    const sink = new RecordingSink('slow', { isFast: false }).dispatch(harness.dispatcher, requestEnviron('/'));
    await worker.receive(frameType.request);
    worker.send(frameType.response, 1, responsePayload('200 OK\0', 'x'.repeat(window)));
    await sink.until(() => sink.contentBytes === window, 'not all content');
    sink.acknowledge(window / 2 - 1);
    sink.acknowledge(1);
    assert.equal((await worker.receive(frameType.credit)).payload, u32(window / 2).toString('latin1'));
    worker.send(frameType.content, 1, 'y'.repeat(window / 2), endFlag);
    assert.equal(await sink.ended(), 'complete');
  });

  it('that comes in single bytes is held and sent as one', async () => {
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/'), null);
    for (let sent = 0; sent < 1000; sent++) sink.request?.sendContent(Buffer.of(97));
    sink.request?.endContent();
    const worker = await harness.addScriptedWorker();
    const frame = await worker.receive(frameType.content);
    assert.deepEqual(frame, { type: frameType.content, end: true, id: 1, payload: 'a'.repeat(1000) });
  });
});

describe('a worker that ends', () => {
  /** Ends as a killed process does, after it began requests up to `started`. */
  function die(worker: ScriptedWorker, descriptor: number, started: number): void {
    writeSync(descriptor, u32(started), 0, 4, 0);
    closeSync(descriptor);
    worker.socket.destroy();
  }

  const cases = [
    { behaviour: 'before it began anything', firstId: 1, started: 0, failed: 0 },
    { behaviour: 'with some begun', firstId: 1, started: 2, failed: 2 },
    { behaviour: 'with all begun', firstId: 1, started: 5, failed: 5 },
    { behaviour: 'with some begun before the ids wrap', firstId: 0xfffffffe, started: 0xfffffffe, failed: 1 },
    { behaviour: 'with some begun after the ids wrapped', firstId: 0xfffffffe, started: 0, failed: 3 },
    { behaviour: 'before it began anything, at the wrap', firstId: 0, started: 0xffffffff, failed: 0 },
    { behaviour: 'after it claimed an id that it never got', firstId: 1, started: 6, failed: 5 },
    { behaviour: 'with nonsense for an id', firstId: 1, started: 0x90000000, failed: 5 },
  ];
  for (const { behaviour, firstId, started, failed } of cases) {
    it(`${behaviour}, fails ${failed} of 5 requests and gives the others back`, async () => {
      await harness.stop();
      harness = new NodeHarness({ firstId });
      const invitation = await harness.dispatcher.expectWorker(1, process.pid);
      const descriptor = openSync(invitation.startedPath, 'r+');
      const worker = new ScriptedWorker(invitation);
      worker.hello();
      await harness.until(() => harness.dispatcher.workers === 1, 'no worker');
      const sinks = Array.from({ length: 5 }, (_, index) =>
        new RecordingSink(`r${index}`).dispatch(harness.dispatcher, requestEnviron(`/${index}`), `content ${index}`),
      );
      await harness.until(
        () => worker.frames.filter(({ type, end }) => type === frameType.content && end).length === 5,
        'content',
      );
      const waiting = new RecordingSink('late');
      die(worker, descriptor, started);
      await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
      waiting.dispatch(harness.dispatcher, requestEnviron('/late'));
      const [failures, kept] = [sinks.slice(0, failed), sinks.slice(failed)];
      for (const sink of failures) assert.equal(await sink.ended(), 'worker.failed');
      assert.ok(kept.every(({ outcome }) => outcome === null));
      assert.equal(harness.dispatcher.inFlight, kept.length + 1);
      const other = await harness.addScriptedWorker();
      await other.receive(frameType.request, kept.length + 1);
      await harness.until(
        () => other.frames.filter(({ type }) => type === frameType.content).length === kept.length,
        'content',
      );
      const requests = other.frames.filter(({ type }) => type === frameType.request);
      const paths = requests.map(({ payload }) => /PATH_INFO\0(.*?)\0/.exec(payload)?.[1]);
      assert.deepEqual(paths, [...kept.map(({ requestId }) => `/${requestId.slice(1)}`), '/late']);
      const content = other.frames.filter(({ type }) => type === frameType.content);
      assert.deepEqual(
        content.map(({ payload, end }) => [payload, end]),
        kept.map(({ requestId }) => [`content ${requestId.slice(1)}`, true]),
      );
      for (const { id } of requests) other.send(frameType.response, id, ok, endFlag);
      for (const sink of [...kept, waiting]) assert.equal(await sink.ended(), 'complete');
    });
  }

  it('never gives back what it was heard about, nor what was aborted', async () => {
    const worker = await harness.addScriptedWorker();
    const [answered, credited, aborted, untouched] = [0, 1, 2, 3].map(() =>
      new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/'), 'content'),
    );
    await worker.receive(frameType.content, 4);
    worker.send(frameType.response, 1, ok);
    worker.send(frameType.credit, 2, u32(7));
    aborted?.abort();
    await harness.until(() => answered?.status === '200 OK', 'no answer');
    worker.socket.destroy();
    assert.equal(await answered?.ended(), 'worker.failed');
    assert.equal(await credited?.ended(), 'worker.failed');
    await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
    assert.equal(untouched?.outcome, null);
    assert.equal(harness.dispatcher.inFlight, 1);
    assert.equal(aborted?.outcome, null);
  });

  it('leaves a request that was given back free to be aborted', async () => {
    const worker = await harness.addScriptedWorker();
    const sink = new RecordingSink().dispatch(harness.dispatcher, requestEnviron('/'));
    await worker.receive(frameType.request);
    worker.socket.destroy();
    await harness.until(() => harness.gone.length === 1, 'the dispatcher did not notice');
    assert.equal(harness.dispatcher.inFlight, 1);
    sink.abort();
    assert.equal(harness.dispatcher.inFlight, 0);
  });
});
