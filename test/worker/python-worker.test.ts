import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { endFlag, frameType } from '../../src/link/frame.ts';
import { byteByByte, frameBytes, u32 } from '../link/bytes.ts';
import { readCases } from '../support/cases.ts';
import { requestEnviron } from './environ-block.ts';
import { fixtures, PythonWorkerProcess, startMessage } from './python-worker-process.ts';
import { contentWindow, maxPayload, responseWindow, ScriptedEdge } from './scripted-edge.ts';

const classes = ['sync', 'gthread', 'gevent', 'eventlet'] as const;

describe('a Python worker that boots', () => {
  type BootCase = {
    readonly behaviour: string;
    readonly module: string;
    readonly callable: string;
    readonly message: string;
  };
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'python-boot-'));
    const sources = {
      'good.py':
        'class Box:\n    application = staticmethod(lambda environ, start_response: [])\nbox = Box()\n' +
        'number = 7\napplication = box.application\n' +
        'def create_app(name="", debug=False):\n    if name == "bad":\n        raise ValueError("no such shop")\n' +
        '    return application if name != "none" else None\n',
      'raises.py': 'raise RuntimeError("no database")\n',
      'imports.py': 'import no_such_library\n',
      'imports_name.py': 'from json import no_such_name\n',
      'exits.py': 'import sys\nsys.exit(7)\n',
      'syntax.py': 'def broken(:\n',
    };
    for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, name), source);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const { behaviour, module, callable, message } of readCases<BootCase>(
    './python-boot-failures.cases.json',
    import.meta.url,
  )) {
    it(`with ${behaviour} says so and exits with 4`, async () => {
      const worker = new PythonWorkerProcess({ folder, module, callable });
      assert.deepEqual(await worker.exit(), { code: 4, signal: null });
      const failure = await worker.said('failed');
      assert.equal(failure['exitCode'], 4);
      assert.match(String(failure['message']), new RegExp(message));
      assert.doesNotMatch(
        String(failure['message']),
        /importlib|_portcullis_worker|worker\.py/,
        'the operator reads of the application alone',
      );
      assert.equal(worker.stderr, '', 'the master says it, once');
    });
  }

  const found = [
    ['good', 'application'],
    ['good', 'box.application'],
    ['good', 'Box.application'],
    ['good', 'create_app()'],
    ['good', "create_app('shop', debug=True)"],
  ] as const;
  for (const [module, callable] of found) {
    it(`finds ${module}:${callable}`, async () => {
      const worker = await new PythonWorkerProcess({ folder, module, callable }).started();
      await worker.stop();
    });
  }

  it('says with 3 that it could not boot', async () => {
    const worker = new PythonWorkerProcess({ withoutStart: true });
    const message = startMessage({});
    worker.send({ ...message, logLevel: 'no such level' });
    assert.deepEqual(await worker.exit(), { code: 3, signal: null });
    assert.equal((await worker.said('failed'))['exitCode'], 3);
  });

  it('may be stopped before it has begun', async () => {
    const worker = new PythonWorkerProcess({ withoutStart: true });
    worker.send({ type: 'stop' });
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
  });

  it('answers a sign of life before it has begun', async () => {
    const worker = new PythonWorkerProcess({ withoutStart: true });
    worker.send({ type: 'ping' });
    await worker.said('pong');
    await worker.stop();
  });

  it('tells the files of an application, also of one that failed', async () => {
    const worker = await new PythonWorkerProcess({ tellsFiles: true }).started();
    const edge = await ScriptedEdge.link(worker);
    const told = await worker.said('loaded-files');
    assert.deepEqual(told['files'], [join(fixtures, 'apps.py')]);
    edge.send(frameType.request, 1, requestEnviron('/imports-late'), endFlag);
    assert.deepEqual((await worker.said('loaded-files', 2))['files'], [join(fixtures, 'late_module.py')]);
    edge.stop();
    await worker.stop();
    const failed = new PythonWorkerProcess({ folder, module: 'raises', tellsFiles: true });
    await failed.exit();
    assert.deepEqual((await failed.said('loaded-files'))['files'], [join(folder, 'raises.py')]);
  });

  it('looks for modules where the operator meant, and nowhere of ours', async () => {
    const library = join(folder, 'library');
    mkdirSync(library, { recursive: true });
    writeFileSync(join(library, 'deep.py'), 'import good\nfrom good import application\n');
    const worker = await new PythonWorkerProcess({ folder, module: 'deep', pythonPath: [library] }).started();
    await worker.stop();
  });
});

for (const workerClass of classes) {
  describe(`a ${workerClass} worker's end of a link`, () => {
    let worker: PythonWorkerProcess;
    let edge: ScriptedEdge;
    before(async () => {
      worker = await new PythonWorkerProcess({ workerClass }).started();
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
      for (let id = 1; id <= 20; id++) edge.send(frameType.request, id, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response, 20);
      assert.equal(edge.started.read(), 20);
    });

    it('does not run what was aborted before', async () => {
      const bytes = [
        frameBytes(frameType.request, 1, requestEnviron('/hello'), endFlag),
        frameBytes(frameType.request, 2, requestEnviron('/hello'), endFlag),
        frameBytes(frameType.abort, 2),
      ];
      edge.socket?.write(Buffer.concat(bytes));
      assert.equal((await edge.receive(frameType.abort)).id, 2);
      await edge.receive(frameType.response);
      assert.equal(edge.started.read(), 1);
    });

    it('reads frames that are cut anywhere', async () => {
      const bytes = Buffer.concat([
        frameBytes(frameType.request, 1, requestEnviron('/echo', { CONTENT_LENGTH: '6' })),
        frameBytes(frameType.content, 1, 'abc'),
        frameBytes(frameType.content, 1, 'def', endFlag),
        frameBytes(frameType.request, 2, requestEnviron('/hello'), endFlag),
      ]);
      for (const byte of byteByByte(bytes)) {
        edge.socket?.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.match((await edge.receive(frameType.response)).payload, /abcdef$/);
      assert.match((await edge.receive(frameType.response, 2)).payload, /hello$/);
    });

    it('keeps the frames of other requests while one waits for its content', async () => {
      const { length } = worker.stderr;
      edge.send(frameType.request, 1, requestEnviron('/notices-the-end'));
      await worker.logged(/waiting/, length);
      edge.send(frameType.request, 2, requestEnviron('/notices-the-end'));
      edge.send(frameType.content, 2, 'two.', endFlag);
      edge.send(frameType.content, 1, 'one.', endFlag);
      const answers = [await edge.receive(frameType.response), await edge.receive(frameType.response, 2)];
      const contents = new Map(answers.map(({ id, payload }) => [id, payload.slice(-4)]));
      assert.deepEqual([contents.get(1), contents.get(2)], ['one.', 'two.']);
    });

    it('grants content as the application reads', async () => {
      edge.send(frameType.request, 1, requestEnviron('/count-content'));
      edge.send(frameType.content, 1, 'x'.repeat(contentWindow));
      assert.equal((await edge.receive(frameType.credit)).payload, u32(600).toString('latin1'));
      edge.send(frameType.content, 1, 'y', endFlag);
      assert.match((await edge.receive(frameType.response)).payload, /1001$/);
    });

    it('sends no more of a response than the edge takes', async () => {
      edge.send(frameType.request, 1, requestEnviron('/big', { QUERY_STRING: '12000' }), endFlag);
      const first = await edge.receive(frameType.response);
      assert.match(first.payload, new RegExp(`Content-Length\0${12_000}\0x{${responseWindow}}$`));
      assert.equal(first.end, false);
      edge.send(frameType.credit, 1, u32(1500));
      assert.equal((await edge.receive(frameType.content)).payload.length, 1500);
      edge.send(frameType.credit, 1, u32(1500));
      const last = await edge.receive(frameType.content, 2);
      assert.deepEqual([last.payload.length, last.end], [500, true]);
    });

    it('keeps to the sizes that a request came under', async () => {
      edge.send(frameType.request, 1, requestEnviron('/big', { QUERY_STRING: '12000' }), endFlag);
      await edge.receive(frameType.response);
      edge.welcome(contentWindow, 20_000);
      edge.send(frameType.credit, 1, u32(responseWindow));
      await edge.receive(frameType.content);
      edge.send(frameType.request, 2, requestEnviron('/big', { QUERY_STRING: '12000' }), endFlag);
      assert.equal((await edge.receive(frameType.response, 2)).end, true);
    });

    it('answers an abort with its last frame while the application waits for content', async () => {
      const { length } = worker.stderr;
      edge.send(frameType.request, 1, requestEnviron('/notices-the-end'));
      await worker.logged(/waiting/, length);
      edge.send(frameType.abort, 1);
      const { id, payload } = await edge.receive(frameType.abort);
      assert.deepEqual({ id, payload }, { id: 1, payload: 'cancelled' });
      await worker.logged(/: noticed ClientGone: the client is gone\n/, length);
      assert.doesNotMatch(worker.stderr.slice(length), /Traceback/);
    });

    it('closes an answer whose client goes between its pieces', async () => {
      const { length } = worker.stderr;
      edge.send(frameType.request, 1, requestEnviron('/ticks'), endFlag);
      await edge.receive(frameType.content);
      edge.send(frameType.abort, 1);
      assert.equal((await edge.receive(frameType.abort)).payload, 'cancelled');
      await worker.logged(/: closed\n$/, length);
      edge.send(frameType.request, 2, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response, 2);
      assert.equal(worker.stderr.slice(length).match(/: closed\n/g)?.length, 1);
    });

    it('closes an answer that waits for a window when the link is lost', async () => {
      const { length } = worker.stderr;
      edge.send(frameType.request, 1, requestEnviron('/endless'), endFlag);
      await edge.until(() => edge.frames.reduce((sum, { payload }) => sum + payload.length, 0) > responseWindow);
      edge.socket?.destroy();
      await worker.logged(/: closed\n$/, length);
    });

    it('lets pieces go before the application makes the next one', async () => {
      edge.send(frameType.request, 1, requestEnviron('/ticks'), endFlag);
      assert.match((await edge.receive(frameType.response)).payload, /tick$/);
      edge.send(frameType.abort, 1);
      await edge.receive(frameType.abort);
    });

    it('ignores what crosses its last frame', async () => {
      edge.send(frameType.request, 1, requestEnviron('/ignore-content'));
      await edge.receive(frameType.response);
      edge.send(frameType.content, 1, 'late');
      edge.send(frameType.credit, 1, u32(5));
      edge.send(frameType.abort, 1);
      edge.send(frameType.request, 2, requestEnviron('/hello'), endFlag);
      assert.equal((await edge.receive(frameType.response, 2)).id, 2);
      assert.equal(edge.isClosed, false);
    });

    it('sends an answer that fits with its head, its content and its end in one frame', async () => {
      edge.send(frameType.request, 1, requestEnviron('/hello'), endFlag);
      const { end, payload } = await edge.receive(frameType.response);
      assert.equal(end, true);
      const head = '200 OK\0Content-Type\0text/plain\0';
      assert.equal(payload, `${u32(head.length).toString('latin1')}${head}hello`);
    });

    it('serves several edges', async () => {
      const other = await ScriptedEdge.link(worker);
      try {
        for (let id = 1; id <= 10; id++) {
          edge.send(frameType.request, id, requestEnviron('/hello'), endFlag);
          other.send(frameType.request, id, requestEnviron('/spins-shortly'), endFlag);
        }
        await Promise.all([edge.receive(frameType.response, 10), other.receive(frameType.response, 10)]);
      } finally {
        other.stop();
      }
    });

    it('lives on with its other links when one is lost in the middle of a request', async () => {
      const other = await ScriptedEdge.link(worker);
      const { length } = worker.stderr;
      other.send(frameType.request, 1, requestEnviron('/notices-the-end'));
      await worker.logged(/waiting/, length);
      other.stop();
      edge.send(frameType.request, 1, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response);
    });

    type BadFrames = {
      readonly behaviour: string;
      readonly frames: readonly Buffer[];
      readonly fault: string;
    };
    const aborted = (id: number): Buffer[] => [
      frameBytes(frameType.request, id, requestEnviron('/hello'), endFlag),
      frameBytes(frameType.abort, id),
    ];
    const badFrames: readonly BadFrames[] = [
      { behaviour: 'an unknown type', frames: [frameBytes(50, 1)], fault: 'unknown type 50' },
      { behaviour: 'a flag of nobody', frames: [frameBytes(frameType.credit, 1, u32(1), 1)], fault: 'with flags 1' },
      { behaviour: 'reserved bytes', frames: [Buffer.from([0, 0, 0, 0, 5, 0, 1, 0, 1, 0, 0, 0])], fault: 'not zero' },
      {
        behaviour: 'a payload too long',
        frames: [frameBytes(frameType.content, 1, Buffer.alloc(maxPayload + 1))],
        fault: '100001',
      },
      {
        behaviour: 'a small frame too long',
        frames: [frameBytes(frameType.abort, 1, Buffer.alloc(257))],
        fault: '257 bytes, more than 256',
      },
      {
        behaviour: 'content for nobody',
        frames: [frameBytes(frameType.content, 5, 'x')],
        fault: '5, which never came',
      },
      {
        behaviour: 'a key without a value',
        frames: [frameBytes(frameType.request, 1, 'KEY\0')],
        fault: 'malformed environ',
      },
      {
        behaviour: 'a block without its end',
        frames: [frameBytes(frameType.request, 1, 'KEY\0value')],
        fault: 'malformed environ',
      },
      {
        behaviour: 'an id that goes back',
        frames: [...aborted(3), ...aborted(2)],
        fault: 'request 2 after 3',
      },
      {
        behaviour: 'more content than granted',
        frames: [
          frameBytes(frameType.request, 1, requestEnviron('/notices-the-end')),
          frameBytes(frameType.content, 1, Buffer.alloc(contentWindow + 1)),
        ],
        fault: 'more content than granted',
      },
      {
        behaviour: 'content for a request without any',
        frames: [
          frameBytes(frameType.request, 1, requestEnviron('/notices-the-end'), endFlag),
          frameBytes(frameType.content, 1, 'x'),
        ],
        fault: 'more content than granted',
      },
      {
        behaviour: 'credit for what was not sent',
        frames: [
          frameBytes(frameType.request, 1, requestEnviron('/notices-the-end')),
          frameBytes(frameType.credit, 1, u32(1)),
        ],
        fault: 'credit for content that was not sent',
      },
      {
        behaviour: 'a response from an edge',
        frames: [
          frameBytes(frameType.request, 1, requestEnviron('/notices-the-end')),
          frameBytes(frameType.response, 1),
        ],
        fault: 'frame of type 4 from an edge',
      },
      { behaviour: 'a welcome for one request', frames: [frameBytes(frameType.welcome, 1)], fault: 'for request 1' },
      {
        behaviour: 'a second welcome that is none',
        frames: [frameBytes(frameType.welcome, 0, 'x')],
        fault: 'welcome of 1 bytes',
      },
    ];
    for (const { behaviour, frames, fault } of badFrames) {
      it(`is closed for ${behaviour}, and nothing of it begins any more`, async () => {
        const { length } = worker.stderr;
        const begunBefore = edge.started.read();
        edge.socket?.write(Buffer.concat(frames));
        await edge.closed();
        await worker.logged(new RegExp(`the link to an edge is broken: .*${fault}`), length);
        assert.equal(edge.started.read(), begunBefore);
        const next = await ScriptedEdge.link(worker);
        next.send(frameType.request, 1, requestEnviron('/hello'), endFlag);
        await next.receive(frameType.response);
        next.stop();
      });
    }
  });

  describe(`a ${workerClass} worker of a master`, () => {
    let worker: PythonWorkerProcess;
    let edge: ScriptedEdge;
    const boot = async (options: ConstructorParameters<typeof PythonWorkerProcess>[0] = {}): Promise<void> => {
      worker = await new PythonWorkerProcess({ workerClass, ...options }).started();
      edge = await ScriptedEdge.link(worker);
    };
    afterEach(async () => {
      edge.stop();
      await worker.stop();
    });

    it('says that it drains, and ends with its last link', async () => {
      await boot();
      edge.send(frameType.request, 1, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response);
      worker.send({ type: 'drain' });
      await edge.receive(frameType.draining);
      // What the edge sent before it read that is served.
      edge.send(frameType.request, 2, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response, 2);
      edge.socket?.end();
      assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    });

    it('ends at once when it is told to stop', async () => {
      await boot();
      edge.send(frameType.request, 1, requestEnviron('/notices-the-end'));
      await worker.logged(/waiting/);
      worker.send({ type: 'stop' });
      assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    });

    it('ends when the edge finds a fault with it', async () => {
      await boot();
      edge.send(frameType.fault, 0, 'a second response');
      await worker.logged(/\[CRITICAL\] an edge refused this worker: a second response/);
      edge.socket?.destroy();
      assert.deepEqual(await worker.exit(), { code: 1, signal: null });
    });

    it('says once that it has begun as many requests as it should', async () => {
      await boot({ maxRequests: 2 });
      for (let id = 1; id <= 4; id++) edge.send(frameType.request, id, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response, 4);
      worker.send({ type: 'ping' });
      await worker.said('pong');
      assert.equal(worker.messages.filter(({ type }) => type === 'max-requests').length, 1);
    });

    it('is killed with its master, also where the application spins', async () => {
      await boot();
      edge.send(frameType.request, 1, requestEnviron('/spins'), endFlag);
      await worker.logged(/spinning/);
      worker.lifeline.destroy();
      assert.deepEqual(await worker.exit(), { code: null, signal: 'SIGKILL' });
    });

    it('says where its threads are while the application spins', async () => {
      await boot();
      edge.send(frameType.request, 1, requestEnviron('/spins'), endFlag);
      await worker.logged(/spinning/);
      worker.lifeline.write('?');
      await worker.until(
        () => worker.stacks.endsWith('\0'),
        () => 'answered no stacks',
      );
      assert.match(worker.stacks, /^thread MainThread:\nat /);
      assert.match(
        worker.stacks,
        /at spins \(.*apps\.py:\d+\)\nat application \(.*apps\.py:\d+\)\nat run \(.*exchange\.py:\d+\)/,
      );
    });

    it('is not ended by signals that are for the master', async () => {
      await boot();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const) {
        worker.process.kill(signal);
      }
      edge.send(frameType.request, 1, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response);
      worker.process.kill('SIGTERM');
      edge.send(frameType.request, 2, requestEnviron('/hello'), endFlag);
      await edge.receive(frameType.response, 2);
    });

    it('leaves to the application and its children nothing of ours', async () => {
      await boot();
      edge.send(frameType.request, 1, requestEnviron('/looks-around'), endFlag);
      const { payload } = await edge.receive(frameType.response);
      const facts = JSON.parse(payload.slice(payload.indexOf('{')));
      assert.deepEqual(facts.argv, []);
      assert.equal(`${facts.folder}/`, fixtures);
      assert.equal(`${facts.path[0]}/`, fixtures);
      assert.doesNotMatch(facts.path.join(), /src\/worker/);
      assert.doesNotMatch(facts.open, / [3-9] -> socket/, 'neither links nor lifeline');
      // SIGPIPE is ignored by Python itself, which restores it for what it starts.
      assert.equal(BigInt(`0x${facts.ignored}`) & 0b0100_0000_0011n, 0n);
    });

    it('takes its links with it, whatever the application has forked', async () => {
      await boot();
      edge.send(frameType.request, 1, requestEnviron('/leaves-a-child'), endFlag);
      const { payload } = await edge.receive(frameType.response);
      worker.process.kill('SIGKILL');
      await edge.closed();
      process.kill(Number(/\d+$/.exec(payload)?.[0]), 'SIGKILL');
    });

    it('shows what an application prints when it is printed', async () => {
      await boot();
      edge.send(frameType.request, 1, requestEnviron('/prints'), endFlag);
      await edge.receive(frameType.response);
      await worker.until(
        () => worker.stdout === 'printed\n',
        () => `printed ${worker.stdout}`,
      );
    });

    it('logs as JSON where that is asked for', async () => {
      await boot({ errorLogFormat: 'json' });
      edge.send(frameType.request, 1, requestEnviron('/raises'), endFlag);
      await edge.receive(frameType.response);
      await worker.logged(/\n$/);
      const event = JSON.parse(worker.stderr.split('\n')[0] ?? '');
      assert.deepEqual([event.pid, event.level], [worker.pid, 'error']);
      assert.match(event.message, /^apps:application: request r\d+: the application raised$/);
      assert.match(event.stack, /^Traceback(.*\n)*ValueError: raised on purpose$/);
      assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });
  });
}

describe('what differs between the classes', () => {
  it('a sync worker is silent while a request hangs', async () => {
    const worker = await new PythonWorkerProcess({ workerClass: 'sync' }).started();
    const edge = await ScriptedEdge.link(worker);
    edge.send(frameType.request, 1, requestEnviron('/spins'), endFlag);
    await worker.logged(/spinning/);
    worker.send({ type: 'ping' });
    worker.lifeline.write('?');
    await worker.until(
      () => worker.stacks.endsWith('\0'),
      () => 'answered no stacks',
    );
    assert.deepEqual(
      worker.messages.map(({ type }) => type),
      ['started'],
    );
    edge.stop();
    await worker.stop();
  });

  it('a sync worker that waits for its client answers', async () => {
    const worker = await new PythonWorkerProcess({ workerClass: 'sync' }).started();
    const edge = await ScriptedEdge.link(worker);
    edge.send(frameType.request, 1, requestEnviron('/notices-the-end'));
    await worker.logged(/waiting/);
    worker.send({ type: 'ping' });
    await worker.said('pong');
    edge.stop();
    await worker.stop();
  });

  it('a gthread worker answers while all its threads are busy', async () => {
    const worker = await new PythonWorkerProcess({ workerClass: 'gthread', threads: 1 }).started();
    const edge = await ScriptedEdge.link(worker);
    edge.send(frameType.request, 1, requestEnviron('/spins'), endFlag);
    await worker.logged(/spinning/);
    worker.send({ type: 'ping' });
    await worker.said('pong');
    edge.stop();
    await worker.stop();
  });

  it('a gthread worker runs as many requests at once as it has threads', async () => {
    const worker = await new PythonWorkerProcess({ workerClass: 'gthread', threads: 2 }).started();
    const edge = await ScriptedEdge.link(worker);
    edge.send(frameType.request, 1, requestEnviron('/meets'), endFlag);
    edge.send(frameType.request, 2, requestEnviron('/meets'), endFlag);
    await edge.receive(frameType.response, 2);
    edge.stop();
    await worker.stop();
  });

  it('a sync worker lets out what is finished before a call that may take long', async () => {
    const worker = await new PythonWorkerProcess({ workerClass: 'sync' }).started();
    const edge = await ScriptedEdge.link(worker);
    edge.socket?.write(
      Buffer.concat([
        frameBytes(frameType.request, 1, requestEnviron('/spins-shortly'), endFlag),
        frameBytes(frameType.request, 2, requestEnviron('/spins'), endFlag),
      ]),
    );
    assert.equal((await edge.receive(frameType.response)).id, 1);
    edge.stop();
    await worker.stop();
  });
});
