import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { endFlag, frameType } from '../../src/link/frame.ts';
import { requestEnviron } from './environ-block.ts';
import { PythonWorkerProcess } from './python-worker-process.ts';
import { ScriptedEdge } from './scripted-edge.ts';

const crowd = 100;

/** `/meet` answers when `crowd` requests are in it at once; `/count` says how many have been at most. */
const application = `
import threading, time
gate = threading.Barrier(${crowd}, timeout=60)
lock = threading.Lock()
here = most = 0

def application(environ, start_response):
    global here, most
    path = environ["PATH_INFO"]
    if path == "/meet":
        gate.wait()
    elif path == "/nap":
        with lock:
            here += 1
            most = max(most, here)
        time.sleep(0.01)
        with lock:
            here -= 1
    elif path == "/sleep":
        environ["wsgi.errors"].write("sleeping\\n")
        time.sleep(1000)
    elif path == "/patched":
        environ["wsgi.errors"].write(f"{threading.get_ident.__module__} {time.sleep.__module__}\\n")
    start_response("200 OK", [("X-Most", str(most))])
    return [b"done"]
`;

describe('a worker of greenlets', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'python-green-'));
    writeFileSync(join(folder, 'crowd.py'), application);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const workerClass of ['gevent', 'eventlet'] as const) {
    const boot = async (
      connections: number,
      act: (worker: PythonWorkerProcess, edge: ScriptedEdge) => Promise<void>,
    ) => {
      const worker = await new PythonWorkerProcess({ folder, module: 'crowd', workerClass, connections }).started();
      const edge = await ScriptedEdge.link(worker);
      try {
        await act(worker, edge);
      } finally {
        edge.stop();
        await worker.stop();
      }
    };

    it(`runs ${crowd} requests at once with ${workerClass}`, () =>
      boot(1000, async (_worker, edge) => {
        for (let id = 1; id <= crowd; id++) edge.send(frameType.request, id, requestEnviron('/meet'), endFlag);
        await edge.receive(frameType.response, crowd);
      }));

    it(`runs no more at once than it may with ${workerClass}`, () =>
      boot(3, async (_worker, edge) => {
        for (let id = 1; id <= 20; id++) edge.send(frameType.request, id, requestEnviron('/nap'), endFlag);
        const { payload } = await edge.receive(frameType.response, 20);
        assert.match(payload, /X-Most\x003\0/);
      }));

    it(`imports the application after ${workerClass} has patched what waits`, () =>
      boot(1000, async (worker, edge) => {
        edge.send(frameType.request, 1, requestEnviron('/patched'), endFlag);
        await worker.logged(new RegExp(`: ${workerClass}\\S* ${workerClass}\\S*\n`));
      }));

    it(`says where its greenlets are, ${workerClass}`, () =>
      boot(1000, async (worker, edge) => {
        edge.send(frameType.request, 1, requestEnviron('/sleep'), endFlag);
        await worker.logged(/sleeping/);
        worker.lifeline.write('?');
        await worker.until(
          () => worker.stacks.endsWith('\0'),
          () => 'answered no stacks',
        );
        assert.match(worker.stacks, /^thread MainThread:\nat /);
        assert.match(
          worker.stacks,
          /\ngreenlet of crowd:application: request \S+:\n(at .*\n)*at application \(.*crowd\.py/,
        );
      }));

    it(`answers its master while requests wait, ${workerClass}`, () =>
      boot(1000, async (worker, edge) => {
        edge.send(frameType.request, 1, requestEnviron('/sleep'), endFlag);
        await worker.logged(/sleeping/);
        worker.send({ type: 'ping' });
        await worker.said('pong');
      }));
  }

  for (const workerClass of ['gthread', 'gevent', 'eventlet'] as const) {
    it(`finds a request that does not come back, and ends without it: ${workerClass}`, async () => {
      const worker = await new PythonWorkerProcess({ folder, module: 'crowd', workerClass }).started();
      const edge = await ScriptedEdge.link(worker);
      edge.send(frameType.request, 1, requestEnviron('/sleep'), endFlag);
      await worker.logged(/sleeping/);
      edge.send(frameType.abort, 1);
      await edge.receive(frameType.abort);
      // Twice the time-out begins with the first question that finds it, and each of these asks again.
      for (let asked = 1; !worker.messages.some(({ type }) => type === 'stuck'); asked++) {
        worker.send({ type: 'ping', workerMs: 20 });
        await worker.said('pong', asked);
      }
      await worker.logged(
        /request \S+: nobody waits .* 0\.04 s\n +Stack .*\n +File ".*crowd\.py", line \d+, in application/,
      );
      worker.send({ type: 'drain' });
      await edge.receive(frameType.draining);
      edge.socket?.end();
      assert.deepEqual(await worker.exit(), { code: 0, signal: null });
      edge.stop();
    });
  }

  const libraries = [
    {
      behaviour: 'is not installed',
      source: 'raise ModuleNotFoundError("No module named \'eventlet\'", name="eventlet")',
      says: /^class uri 'eventlet' invalid or not found: eventlet is not installed in \/usr\/bin\/python3 \(Python 3\.\S+\): \/usr\/bin\/python3 -m pip install eventlet$/,
    },
    {
      behaviour: 'is too old',
      source: '__version__ = "0.20.0"',
      says: /: eventlet 0\.20\.0 is installed in \/usr\/bin\/python3 .*, and 0\.24\.1 or newer is needed$/,
    },
    {
      behaviour: 'does not run here',
      source: '__version__ = "9.0.0"\ndef monkey_patch():\n    raise RuntimeError("no hub")',
      says: /: eventlet 9\.0\.0 does not start with \/usr\/bin\/python3 .*: RuntimeError: no hub$/,
    },
  ];
  for (const { behaviour, source, says } of libraries) {
    it(`ends with 3 and names the interpreter where the library ${behaviour}`, async () => {
      const own = mkdtempSync(join(folder, 'library-'));
      writeFileSync(join(own, 'eventlet.py'), source);
      const worker = new PythonWorkerProcess({ folder: own, workerClass: 'eventlet' });
      assert.deepEqual(await worker.exit(), { code: 3, signal: null });
      assert.match(String((await worker.said('failed'))['message']), says);
    });
  }
});
