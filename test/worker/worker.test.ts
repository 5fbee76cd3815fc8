import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { endFlag, frameType } from '../../src/link/frame.ts';
import { frameBytes, u32 } from '../link/bytes.ts';
import { requestEnviron } from './environ-block.ts';
import { contentWindow, ScriptedEdge } from './scripted-edge.ts';
import { WorkerProcess } from './worker-process.ts';

const apps = fileURLToPath(new URL('./fixtures/apps.js', import.meta.url));
describe('a worker that boots', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'boot-'));
    const sources = {
      'good.mjs': 'export function application() { return []; }',
      'throws.mjs': "throw new Error('no database');",
      'throws-later.mjs': "setTimeout(() => { throw new Error('no cache'); }, 1);\nawait new Promise(() => {});",
    };
    for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, name), source);
  });
  after(() => rmSync(folder, { recursive: true }));

  const failures = [
    {
      behaviour: 'a misspelt name',
      file: 'good.mjs',
      name: 'aplication',
      message: /no export "aplication"\. It exports application\.$/,
    },
    {
      behaviour: 'an application that throws',
      file: 'throws.mjs',
      name: null,
      message: /no database\nError: no database\n +at .*throws\.mjs:1/,
    },
    {
      behaviour: 'an application that throws later',
      file: 'throws-later.mjs',
      name: null,
      message: /threw while it was loaded\.\nError: no cache\n +at/,
    },
  ];
  for (const { behaviour, file, name, message } of failures) {
    it(`with ${behaviour} says so and exits with 4`, async () => {
      const worker = new WorkerProcess(join(folder, file), name);
      assert.deepEqual(await worker.exit(), { code: 4, signal: null });
      assert.equal(worker.failure?.exitCode, 4);
      assert.match(worker.failure?.message ?? '', message);
      assert.equal(worker.stderr, '', 'the master says it, once');
    });
  }

  it('may be stopped before it has begun', async () => {
    const worker = new WorkerProcess(apps);
    worker.send({ type: 'stop' });
    assert.equal((await worker.exit()).signal, null);
  });
});

describe("a worker's end of a link", () => {
  let worker: WorkerProcess;
  let edge: ScriptedEdge;
  before(async () => {
    worker = await new WorkerProcess(apps).started();
  });
  beforeEach(async () => {
    edge = await ScriptedEdge.link(worker);
  });
  afterEach(() => edge.stop());
  after(() => worker.stop());

  it('proves who it is', () => {
    assert.equal(edge.helloFault, null);
  });

  it('marks each request as begun before it calls the application, in order', async () => {
    edge.send(frameType.request, 1, requestEnviron('/string'), endFlag);
    edge.send(frameType.request, 2, requestEnviron('/never'), endFlag);
    edge.send(frameType.request, 3, requestEnviron('/string'), endFlag);
    await edge.receive(frameType.response, 2);
    assert.equal(edge.started.read(), 3);
  });

  it('does not mark what was aborted before', async () => {
    const bytes = [
      frameBytes(frameType.request, 1, requestEnviron('/string'), endFlag),
      frameBytes(frameType.request, 2, requestEnviron('/string'), endFlag),
      frameBytes(frameType.abort, 2),
    ];
    edge.socket?.write(Buffer.concat(bytes));
    assert.equal((await edge.receive(frameType.abort)).id, 2);
    await edge.receive(frameType.response);
    assert.equal(edge.started.read(), 1);
  });

  it('answers an abort with its last frame', async () => {
    edge.send(frameType.request, 1, requestEnviron('/never'), endFlag);
    edge.send(frameType.abort, 1);
    const { id, payload } = await edge.receive(frameType.abort);
    assert.deepEqual({ id, payload }, { id: 1, payload: 'cancelled' });
  });

  it('ignores what crosses its last frame', async () => {
    edge.send(frameType.request, 1, requestEnviron('/ignore-content'));
    await edge.receive(frameType.response);
    edge.send(frameType.content, 1, 'late');
    edge.send(frameType.credit, 1, u32(5));
    edge.send(frameType.abort, 1);
    edge.send(frameType.request, 2, requestEnviron('/string'), endFlag);
    assert.equal((await edge.receive(frameType.response, 2)).id, 2);
    assert.equal(edge.isClosed, false);
  });

  it('grants content as the application reads', async () => {
    edge.send(frameType.request, 1, requestEnviron('/count-content'));
    edge.send(frameType.content, 1, 'x'.repeat(contentWindow));
    assert.equal((await edge.receive(frameType.credit)).payload, u32(contentWindow).toString('latin1'));
    edge.send(frameType.content, 1, 'y', endFlag);
    assert.match((await edge.receive(frameType.response)).payload, /1001$/);
  });

  it('sends an answer that fits with its head, its content and its end in one frame', async () => {
    edge.send(frameType.request, 1, requestEnviron('/string'), endFlag);
    const { end, payload } = await edge.receive(frameType.response);
    assert.equal(end, true);
    const head = '200 OK\0Content-Type\0text/plain\0';
    assert.equal(payload, `${u32(head.length).toString('latin1')}${head}a string`);
  });

  it('says that it drains', async () => {
    const other = await new WorkerProcess(apps).started();
    const drained = await ScriptedEdge.link(other);
    try {
      drained.send(frameType.request, 1, requestEnviron('/string'), endFlag);
      await drained.receive(frameType.response);
      other.send({ type: 'drain' });
      await drained.receive(frameType.draining);
      // What the edge sent before it read that is served.
      drained.send(frameType.request, 2, requestEnviron('/string'), endFlag);
      await drained.receive(frameType.response, 2);
      drained.socket?.end();
      assert.deepEqual(await other.exit(), { code: 0, signal: null });
    } finally {
      drained.stop();
      await other.stop();
    }
  });

  it('ends its process when the edge finds a fault with it', async () => {
    const other = await new WorkerProcess(apps).started();
    const strict = await ScriptedEdge.link(other);
    try {
      strict.send(frameType.fault, 0, 'a second response');
      await other.logged(/\[CRITICAL\] an edge refused this worker: a second response/);
      strict.socket?.destroy();
      assert.deepEqual(await other.exit(), { code: 1, signal: null });
    } finally {
      strict.stop();
      await other.stop();
    }
  });

  const badFrames: readonly {
    readonly behaviour: string;
    readonly frames: readonly Buffer[];
    readonly fault: RegExp;
  }[] = [
    { behaviour: 'an unknown type', frames: [frameBytes(50, 1)], fault: /unknown type 50/ },
    {
      behaviour: 'a payload too long',
      frames: [frameBytes(frameType.content, 1, Buffer.alloc(100_001))],
      fault: /100001/,
    },
    {
      behaviour: 'content for nobody',
      frames: [frameBytes(frameType.content, 5, 'x')],
      fault: /request 5, which never came/,
    },
    {
      behaviour: 'a malformed environ',
      frames: [frameBytes(frameType.request, 1, 'KEY\0')],
      fault: /malformed environ/,
    },
    {
      behaviour: 'an id that goes back',
      frames: [3, 2].map((id) => frameBytes(frameType.request, id, requestEnviron('/never'), endFlag)),
      fault: /request 2 after 3/,
    },
    {
      behaviour: 'more content than granted',
      frames: [
        frameBytes(frameType.request, 1, requestEnviron('/never')),
        frameBytes(frameType.content, 1, Buffer.alloc(contentWindow + 1)),
      ],
      fault: /more content than granted/,
    },
    {
      behaviour: 'content for a request without any',
      frames: [
        frameBytes(frameType.request, 1, requestEnviron('/never'), endFlag),
        frameBytes(frameType.content, 1, 'x'),
      ],
      fault: /more content than granted/,
    },
    {
      behaviour: 'credit for what was not sent',
      frames: [
        frameBytes(frameType.request, 1, requestEnviron('/never'), endFlag),
        frameBytes(frameType.credit, 1, u32(1)),
      ],
      fault: /credit for content that was not sent/,
    },
    {
      behaviour: 'a welcome for one request',
      frames: [frameBytes(frameType.request, 1, requestEnviron('/never'), endFlag), frameBytes(frameType.welcome, 1)],
      fault: /welcome for request 1/,
    },
    {
      behaviour: 'a second welcome that is none',
      frames: [frameBytes(frameType.welcome, 0, 'x')],
      fault: /welcome of 1 bytes/,
    },
  ];
  for (const { behaviour, frames, fault } of badFrames) {
    it(`is closed for ${behaviour}, and nothing of it begins any more`, async () => {
      const { length } = worker.stderr;
      const begunBefore = edge.started.read();
      edge.socket?.write(Buffer.concat(frames));
      await edge.closed();
      await worker.logged(new RegExp(`^[^]{${length}}[^]*the link to an edge is broken: .*${fault.source}`));
      assert.equal(edge.started.read(), begunBefore);
      const next = await ScriptedEdge.link(worker);
      next.send(frameType.request, 1, requestEnviron('/string'), endFlag);
      await next.receive(frameType.response);
      next.stop();
    });
  }
});
