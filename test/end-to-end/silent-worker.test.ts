import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { childrenOf, gone, isAlive } from '../support/program.ts';
import { get, type Server, type ServerOptions, startServer, workerClasses } from './server.ts';

/** Long enough for a busy machine: nobody is to be found silent that only waits for a processor. */
const workerMs = 1_500;
const policy = { timeouts: { worker: `${workerMs}ms`, queue: '20s' } };

async function withServer(options: ServerOptions, run: (server: Server) => Promise<void>): Promise<void> {
  const server = await startServer({ policy, ...options });
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

type Silence = {
  readonly behaviour: string;
  readonly request: string;
  /** Of the log, behind WORKER TIMEOUT. */
  readonly place: RegExp;
};
const silences: readonly Silence[] = [
  {
    behaviour: 'spins',
    request: get('/spins?secret'),
    place: /silent for \d\.\d s; it was\n +at spins \(\S*fixtures\/app\.js:\d+:\d+\)\n/,
  },
  {
    behaviour: 'waits for memory that nobody changes',
    request: get('/waits-for-memory'),
    place: /it was\n +at waits-for-memory \(\S*app\.js:\d+:\d+\)\n/,
  },
  {
    behaviour: 'waits for a command',
    request: get('/waits-for-a-command?20'),
    place: /no stack within 2000 ms: state S \(sleeping\), .*it has started sleep \(pid:\d+\)/,
  },
];

describe('a worker whose event loop is silent', () => {
  for (const { behaviour, request, place } of silences) {
    it(`is killed where the application ${behaviour}, and the log says where that was`, async () => {
      await withServer({}, async (server) => {
        const [worker = 0] = await server.workers(1);
        const client = await server.connect(request);
        assert.match(await client.receive(/\)\n$/), /^HTTP\/1\.1 504 [\s\S]*timeout\.worker\)\n$/);
        await server.program.logged(new RegExp(`\\[CRITICAL\\] WORKER TIMEOUT \\(pid:${worker}\\)`));
        await server.program.logged(new RegExp(`Worker \\(pid:${worker}\\) was silent for`));
        assert.match(server.program.stderr, place);
        assert.match(
          server.program.stderr,
          /its requests: \S+ \(GET \/[a-z-]+, dispatched \d\.\d s ago, (begun|given up)\)/,
        );
        assert.doesNotMatch(server.program.stderr, /secret/);
        await gone([worker]);
        // The connection lives on and meets the next worker.
        client.send(get('/declared'));
        await client.receive(/hello$/);
      });
    });
  }

  it('is killed where it is stopped: what it had not begun is answered by another', async () => {
    await withServer({}, async (server) => {
      const [worker = 0] = await server.workers(1);
      process.kill(worker, 'SIGSTOP');
      const clients = await Promise.all(Array.from({ length: 5 }, () => server.connect(get('/declared'))));
      for (const client of clients) assert.match(await client.receive(/hello$|\)\n$/), /^HTTP\/1\.1 200 /);
      await server.program.logged(/no stack within 2000 ms: state T \(stopped\)/);
      assert.doesNotMatch(server.program.stderr, /Refused/);
      await gone([worker]);
    });
  });

  it('fails with 504 what it had begun, and moves what it had not', async () => {
    await withServer({}, async (server) => {
      const held = await server.connect(get('/held'));
      await server.program.logged(/: held$/);
      const spinning = await server.connect(get('/spins-later?50'));
      await server.program.logged(/: soon$/);
      // Its loop stands still from here on, at the latest after 50 ms.
      await new Promise((resolve) => setTimeout(resolve, 200));
      const waiting = await server.connect(get('/declared'));
      for (const client of [held, spinning]) {
        assert.match(await client.receive(/\)\n$/), /^HTTP\/1\.1 504 [\s\S]*timeout\.worker\)\n$/);
      }
      assert.match(await waiting.receive(/hello$|\)\n$/), /^HTTP\/1\.1 200 /);
      assert.doesNotMatch(server.program.stderr, /worker\.failed/);
    });
  });

  it('is left alone where timeouts.worker is 0', async () => {
    await withServer({ policy: { timeouts: { worker: 0 } }, flags: ['--log-level', 'debug'] }, async (server) => {
      const [worker = 0] = await server.workers(1);
      process.kill(worker, 'SIGSTOP');
      const client = await server.connect(get('/declared'));
      // The longest that a heartbeat of the shortest time-out would have taken, several times.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      process.kill(worker, 'SIGCONT');
      await client.receive(/hello$/);
      assert.doesNotMatch(server.program.stderr, /TIMEOUT/);
    });
  });

  it('is not the one that answers after the master itself was stopped', async () => {
    await withServer({}, async (server) => {
      const [worker = 0] = await server.workers(1);
      server.program.signal('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 2 * workerMs));
      server.program.signal('SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 2 * workerMs));
      assert.ok(isAlive(worker));
      assert.doesNotMatch(server.program.stderr, /TIMEOUT/);
    });
  });
});

describe('an edge that runs no application', () => {
  it('is ended and replaced where it stands still for 10 s, whatever the time-out of the application', async () => {
    await withServer({}, async (server) => {
      const workers = await server.workers(1);
      const [edge = 0] = childrenOf(server.program.pid).filter((pid) => !workers.includes(pid));
      process.kill(edge, 'SIGSTOP');
      await server.program.logged(
        new RegExp(`WORKER TIMEOUT \\(pid:${edge}\\): its event loop was silent for 1\\d\\.\\d s`),
      );
      await gone([edge]);
      assert.match(await server.ask(get('/declared')), /hello$/);
    });
  });
});

describe('an edge that runs the application', () => {
  it('is killed where its event loop is silent', async () => {
    await withServer({ workerClass: 'inline' }, async (server) => {
      await server.connect(get('/spins'));
      await server.program.logged(/WORKER TIMEOUT .*; it was\n +at spins /);
      await server.program.logged(/Edge \(pid:\d+\) was silent for/);
      assert.match(await server.ask(get('/declared')), /hello$/);
    });
  });
});

for (const workerClass of workerClasses) {
  describe(`an application that is too long about an answer, with -k ${workerClass}`, () => {
    const tight = { timeouts: { worker: '600ms' }, routes: [{ path: '/never', methods: ['GET'] }] };

    it('costs its request and not its process, and the log says which request it was', async () => {
      await withServer({ workerClass, policy: tight }, async (server) => {
        const before = await server.ask(get('/pid'));
        const client = await server.connect(get('/never?secret'));
        assert.match(await client.receive(/\)\n$/), /^HTTP\/1\.1 504 [\s\S]*timeout\.worker\)\n$/);
        await server.program.logged(
          /timeout\.worker \(no progress for 600 ms; GET \/never, dispatched 0\.\d s ago, begun, route GET \/never\)/,
        );
        const pid = (answer: string): string => answer.split('\r\n\r\n')[1] ?? '';
        assert.equal(pid(await server.ask(get('/pid'))), pid(before));
        assert.doesNotMatch(server.program.stderr, /WORKER TIMEOUT|secret/);
      });
    });

    it('costs an event stream that has nothing more to say its connection', async () => {
      await withServer({ workerClass, policy: tight }, async (server) => {
        const client = await server.connect(get('/stream-stops'));
        await client.receive(/data: 1/);
        assert.doesNotMatch(await client.receiveAll(), /\r\n0\r\n\r\n$/);
        await server.program.logged(/GET \/stream-stops, dispatched \d\.\d s ago, .*(on the way|begun)/);
      });
    });
  });
}
