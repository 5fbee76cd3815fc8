import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { lookMs } from '../../src/master/file-watch.ts';
import { withoutWarningOfRoot } from '../support/as-root.ts';
import { within } from '../support/deadline.ts';
import { childrenOf, gone, isAlive, type Program } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';
import { ask, linkedWorkers, startStubMaster, stubPolicy } from './stub-master.ts';

describe('master', () => {
  let program: Program | undefined;
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'master-test-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    await program?.stop();
    program = undefined;
  });

  const start = (...args: Parameters<typeof startStubMaster>): Program => {
    program = startStubMaster(...args);
    return program;
  };
  const workerPids = async (master: Program, count: number): Promise<number[]> => {
    const matches = [];
    for (let nth = 1; nth <= count; nth += 1) matches.push(await master.logged(/Booting worker with pid: (\d+)/, nth));
    return matches.map(([, pid]) => Number(pid));
  };
  const ended = (master: Program) => within(30_000, master.exited, () => `still running:\n${master.stderr}`);

  describe('at start', () => {
    it("writes Gunicorn's lines and no other", async () => {
      const master = start({ workers: 2 });
      const port = await master.port();
      await linkedWorkers(port, 2);
      const lines = master.stderr.trimEnd().split('\n');
      const prefix = `^\\[\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d [+-]\\d{4}\\] \\[${master.pid}\\] \\[INFO\\] `;
      const expected = [
        `Listening at: http://127\\.0\\.0\\.1:${port} \\(${master.pid}\\)$`,
        'Using worker: node$',
        'Booting worker with pid: \\d+$',
        'Booting worker with pid: \\d+$',
      ];
      assert.equal(lines.length, expected.length, master.stderr);
      for (const [index, text] of expected.entries()) assert.match(lines[index] ?? '', new RegExp(prefix + text));
    });

    it('links every worker to every edge', async () => {
      const master = start({ workers: 2, edges: 2 });
      const port = await master.port();
      const pids = await workerPids(master, 2);
      const edges = childrenOf(master.pid).filter((pid) => !pids.includes(pid));
      assert.equal(edges.length, 2);
      // The kernel spreads connections over both edges.
      const answered = new Set<number>();
      while (answered.size < 2) answered.add((await ask(port, 'pid')) as number);
      for (let round = 0; round < 20; round += 1) assert.deepEqual(await linkedWorkers(port, 2), pids.sort());
    });

    it('listens at several addresses, also on a Unix socket', async () => {
      const path = join(folder, 'several.sock');
      const master = start({
        binds: [
          { kind: 'tcp', host: '127.0.0.1', port: 0 },
          { kind: 'unix', path },
        ],
      });
      await master.logged(new RegExp(`Listening at: http://127\\.0\\.0\\.1:\\d+,unix:${path} `));
      const pid = await ask(path, 'pid');
      assert.equal(await ask(await master.port(), 'pid'), pid);
    });

    it('hands out sockets that only this user reaches, and removes them in the end', async () => {
      const temporary = mkdtempSync(join(folder, 'tmp-'));
      const master = start({}, { env: { TMPDIR: temporary, XDG_RUNTIME_DIR: '' } });
      await linkedWorkers(await master.port(), 1);
      const [name = ''] = privateDirectories(temporary);
      assert.equal(statSync(join(temporary, name)).mode & 0o777, 0o700);
      master.signal('SIGINT');
      await ended(master);
      assert.deepEqual(privateDirectories(temporary), []);
    });

    it('keeps from its children what is meant for the master alone', async () => {
      const secrets = {
        PORTCULLIS_LOG_LEVEL: 'info',
        PORTCULLIS_RATE_LIMIT_STORE: 'redis://:secret@127.0.0.1',
        GUNICORN_CMD_ARGS: '--rate-limit-store redis://:secret@127.0.0.1',
        LISTEN_FDS: '1',
        NOTIFY_SOCKET: '/run/x',
        WATCHDOG_USEC: '1',
      };
      const master = start({ behaviour: 'tells-environment' }, { env: { ...secrets, APP_SETTING: 'kept' } });
      const edge = (await ask(await master.port(), 'environment')) as Record<string, string>;
      await master.logged(/environment told/);
      master.signal('SIGINT');
      const worker = JSON.parse((await ended(master)).stdout) as Record<string, string>;
      for (const environment of [edge, worker]) {
        assert.equal(environment['APP_SETTING'], 'kept');
        for (const name of Object.keys(secrets)) assert.equal(environment[name], undefined, name);
      }
    });

    it('tells an edge all that it needs, and lets it make no code from strings', async () => {
      const master = start({ backlog: 77, workerConnections: 9 });
      const port = await master.port();
      const told = (await ask(port, 'start')) as Record<string, unknown>;
      assert.equal(told['backlog'], 77);
      assert.equal(told['requestsPerWorker'], 9);
      assert.equal(told['inlineApp'], null);
      assert.deepEqual(told['listeners'], [
        { descriptor: 5, url: `http://127.0.0.1:${port}`, serverName: '127.0.0.1', serverPort: String(port) },
      ]);
      assert.ok(((await ask(port, 'flags')) as string[]).includes('--disallow-code-generation-from-strings'));
    });
  });

  describe('inline', () => {
    it('runs the application in the edges and starts no worker', async () => {
      const master = start({
        workerClass: 'inline',
        workers: 0,
        edges: 2,
        app: { kind: 'javascript', path: '/app.js', name: 'ready' },
      });
      const port = await master.port();
      const pids = await workerPids(master, 2);
      await master.logged(/Using worker: inline/);
      assert.deepEqual([...childrenOf(master.pid)].sort(), pids.sort());
      const told = (await ask(port, 'start')) as Record<string, unknown>;
      assert.deepEqual(told['inlineApp'], { kind: 'javascript', path: '/app.js', name: 'ready' });
      // Template engines make code from strings.
      assert.ok(!((await ask(port, 'flags')) as string[]).includes('--disallow-code-generation-from-strings'));
    });
  });

  describe('when a child dies', () => {
    it('replaces a killed worker at once and links the new one', async () => {
      const master = start({ workers: 2 });
      const port = await master.port();
      const [victim = 0, other = 0] = await workerPids(master, 2);
      await linkedWorkers(port, 2);
      process.kill(victim, 'SIGKILL');
      await master.logged(
        new RegExp(`\\[ERROR\\] Worker \\(pid:${victim}\\) was sent SIGKILL! Perhaps out of memory\\?`),
      );
      const replacement = (await workerPids(master, 3))[2] ?? 0;
      assert.deepEqual(await linkedWorkers(port, 2), [other, replacement].sort());
    });

    it('refuses no connect while its only edge is dead, and links the new edge', async () => {
      const master = start({ workers: 2 });
      const port = await master.port();
      const killed = (await ask(port, 'pid')) as number;
      process.kill(killed, 'SIGKILL');
      const connects = [];
      // Over the whole time in which no edge lives.
      while (!/Edge \(pid:\d+\) was sent SIGKILL/.test(master.stderr)) connects.push(await connectRaw(port));
      for (let count = 0; count < 100; count += 1) connects.push(await connectRaw(port));
      const answered = ask(port, 'pid');
      assert.notEqual(await answered, killed);
      for (const client of connects) client.destroy();
      await linkedWorkers(port, 2);
    });

    it('starts a worker that cannot boot any more again and again, ever later, and serves on', async () => {
      const marker = join(folder, 'booted-once');
      const master = start({
        behaviour: 'once',
        app: { kind: 'javascript', path: marker, name: null },
        logLevel: 'debug',
      });
      const port = await master.port();
      const [pid = 0] = await workerPids(master, 1);
      await linkedWorkers(port, 1);
      process.kill(pid, 'SIGKILL');
      await master.logged(/\[ERROR\] The application is gone\./, 3);
      await master.logged(/started again in 100 ms/);
      await master.logged(/started again in 200 ms/);
      assert.equal(typeof (await ask(port, 'pid')), 'number');
    });

    for (const behaviour of ['twice-started', 'babbles']) {
      it(`kills a worker that breaks the control protocol (${behaviour})`, async () => {
        const master = start({ behaviour });
        await master.logged(/\[ERROR\] Worker \(pid:\d+\) (reported twice|sent the master an unknown message)/);
        await workerPids(master, 2);
      });
    }
  });

  describe('at the first boot', () => {
    const failures = [
      {
        behaviour: 'not-loaded',
        code: 4,
        message: /\[ERROR\] The application broke\.\n {4}Error: broken\n {8}at its/g,
      },
      { behaviour: 'not-booted', code: 3, message: /\[ERROR\] No memory\.\n/g },
      {
        behaviour: 'exits',
        code: 3,
        message: /\[ERROR\] Worker \(pid:\d+\) exited with code 0 while it was booting\n/g,
      },
    ];
    for (const { behaviour, code, message } of failures) {
      it(`ends with status ${code} and says once why (${behaviour})`, async () => {
        const exit = await ended(start({ behaviour, workers: 3 }));
        assert.equal(exit.code, code);
        assert.equal([...exit.stderr.matchAll(message)].length, 1, exit.stderr);
        assert.equal([...exit.stderr.matchAll(/\[ERROR\]/g)].length, 1, exit.stderr);
      });
    }

    it('ends with status 1 and one paragraph where the port is taken', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as AddressInfo;
      const exit = await ended(start({ binds: [{ kind: 'tcp', host: '127.0.0.1', port }] }));
      other.close();
      assert.equal(exit.code, 1);
      assert.match(
        exit.stderr,
        new RegExp(`^\\S+ \\S+ \\S+ \\S+ \\[ERROR\\] Cannot listen at 127\\.0\\.0\\.1:${port}: another`),
      );
      assert.equal(exit.stderr.trimEnd().split('\n').length, 1);
    });
  });

  describe('--check-config', () => {
    const outcomes = [
      { behaviour: 'ready', code: 0 },
      { behaviour: 'not-loaded', code: 4 },
      { behaviour: 'not-booted', code: 3 },
      { behaviour: 'exits', code: 3 },
    ];
    for (const { behaviour, code } of outcomes) {
      it(`loads the application in a child and ends with ${code} (${behaviour})`, async () => {
        const exit = await ended(start({ behaviour, checkOnly: true }));
        assert.equal(exit.code, code);
        assert.equal(exit.stderr === '', code === 0, exit.stderr);
      });
    }
  });

  describe('signals', () => {
    it('TERM refuses new connects, lets what runs finish, and ends with status 0', async () => {
      const master = start();
      const port = await master.port();
      await linkedWorkers(port, 1);
      const running = await connectRaw(port);
      running.send('something long\n');
      master.signal('SIGTERM');
      await master.logged(/\[INFO\] Handling signal: term/);
      await refused(port);
      assert.ok(isAlive(master.pid));
      running.send('pid\n');
      assert.match(await running.receiveAll(), /^\d+$/);
      const exit = await ended(master);
      assert.deepEqual([exit.code, exit.signal], [0, null]);
      assert.match(exit.stderr, /\[INFO\] Shutting down: Master\n$/);
      assert.doesNotMatch(withoutWarningOfRoot(exit.stderr), /WARNING|ERROR/);
    });

    it('TERM waits no longer than the graceful timeout', async () => {
      const master = start({ gracefulTimeoutMs: 300 });
      const port = await master.port();
      const running = await connectRaw(port);
      running.send('something endless\n');
      await ask(port, 'pid');
      master.signal('SIGTERM');
      const exit = await ended(master);
      assert.equal(exit.code, 0);
      assert.match(exit.stderr, /\[WARNING\] Edge \(pid:\d+\) did not finish within 0\.3 s: killed/);
    });

    for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
      it(`${signal} waits for nothing and ends with status 0`, async () => {
        const master = start({ behaviour: 'stubborn' });
        const port = await master.port();
        await linkedWorkers(port, 1);
        const running = await connectRaw(port);
        running.send('something endless\n');
        master.signal(signal);
        const exit = await ended(master);
        assert.deepEqual([exit.code, exit.signal], [0, null]);
        assert.match(exit.stderr, /\[WARNING\] Worker \(pid:\d+\) did not stop: killed/);
      });
    }

    it('a second signal hastens the first', async () => {
      const master = start();
      const port = await master.port();
      const running = await connectRaw(port);
      running.send('something endless\n');
      await ask(port, 'pid');
      master.signal('SIGTERM');
      await master.logged(/Handling signal: term/);
      master.signal('SIGTERM');
      assert.equal((await ended(master)).code, 0);
    });

    it('TTIN starts a worker more, TTOU lets one go, never the last', async () => {
      const master = start();
      const port = await master.port();
      const [first = 0] = await workerPids(master, 1);
      await linkedWorkers(port, 1);
      master.signal('SIGTTIN');
      await linkedWorkers(port, 2);
      master.signal('SIGTTOU');
      assert.deepEqual(await linkedWorkers(port, 1), [first]);
      master.signal('SIGTTOU');
      await master.logged(/Handling signal: ttou/, 2);
      master.signal('SIGTERM');
      await ended(master);
      assert.doesNotMatch(withoutWarningOfRoot(master.stderr), /WARNING|ERROR/);
    });

    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      it(`${signal} ends nothing and opens no debugger`, async () => {
        const master = start();
        const port = await master.port();
        master.signal(signal);
        await master.logged(/Handling signal: usr/);
        assert.equal(typeof (await ask(port, 'pid')), 'number');
        assert.doesNotMatch(master.stderr, /[Dd]ebugger/);
      });
    }
  });

  it('tells every edge whom to refuse for what one of them saw, and those that come later', async () => {
    const master = start({ edges: 2 });
    const port = await master.port();
    await linkedWorkers(port, 1);
    const edgeThatBlocks = async (): Promise<number | undefined> => {
      const { edge, blocked } = (await ask(port, 'blocked')) as { edge: number; blocked: [string, number][] };
      assert.ok(blocked.every(([client, forMs]) => client === '192.0.2.7' && forMs > 0 && forMs <= 600_000));
      return blocked.length === 1 ? edge : undefined;
    };
    const blockingEdges = async (count: number): Promise<void> => {
      const blocking = new Set<number | undefined>();
      while (blocking.size < count) blocking.add((await edgeThatBlocks()) ?? [...blocking][0]);
    };
    assert.equal(await edgeThatBlocks(), undefined);
    await ask(port, 'offend');
    await master.logged(/\[WARNING\] Blocked 192\.0\.2\.7 for 600 s: 100 points of 100$/);
    await within(30_000, blockingEdges(2), () => 'an edge was not told');
    for (const edge of childrenOf(master.pid)) process.kill(edge, 'SIGKILL');
    await master.logged(/Edge \(pid:\d+\) was sent SIGKILL/, 2);
    await within(30_000, blockingEdges(2), () => 'a new edge was not told');
  });

  describe('at HUP', () => {
    const reloads = (changes: object): string => {
      const path = join(folder, 'reloads.json');
      writeFileSync(path, JSON.stringify(changes));
      return path;
    };

    it('hands the new policy to every edge, and to those that come later', async () => {
      const master = start({ edges: 2, reloads: reloads({ policy: stubPolicy('second') }) });
      const port = await master.port();
      await linkedWorkers(port, 1);
      assert.equal(await ask(port, 'policy'), 'first');
      master.signal('SIGHUP');
      await master.logged(/\[INFO\] Policy reloaded: second \(in force in 2 edges\)$/);
      for (let round = 0; round < 20; round += 1) assert.equal(await ask(port, 'policy'), 'second');
      for (const edge of childrenOf(master.pid)) process.kill(edge, 'SIGKILL');
      await master.logged(/Edge \(pid:\d+\) was sent SIGKILL/, 2);
      for (let round = 0; round < 20; round += 1) assert.equal(await ask(port, 'policy'), 'second');
      assert.doesNotMatch(withoutWarningOfRoot(master.stderr), /WARNING/);
    });

    it('waits for the end of the boot', async () => {
      const master = start({ reloads: reloads({ policy: stubPolicy('second') }) });
      await master.logged(/Booting worker/);
      master.signal('SIGHUP');
      await master.logged(/Policy reloaded: second/);
      assert.equal(await ask(await master.port(), 'policy'), 'second');
    });

    it('changes the number of workers, and names what takes a restart', async () => {
      const master = start({ workers: 2, reloads: reloads({ workers: 4, watchPolicy: true, workerClass: 'inline' }) });
      const port = await master.port();
      await linkedWorkers(port, 2);
      master.signal('SIGHUP');
      await master.logged(/\[WARNING\] Not changed by a reload, needs a restart or USR2: worker-class, watch-policy$/);
      await master.logged(/\[INFO\] Policy unchanged: first$/);
      await linkedWorkers(port, 4);
      reloads({ workers: 1 });
      master.signal('SIGHUP');
      await linkedWorkers(port, 1);
    });

    it('starts new workers, and lets the old ones go when all of them are ready', async () => {
      const master = start({ workers: 2, reloads: reloads({}) });
      const port = await master.port();
      const old = await linkedWorkers(port, 2);
      master.signal('SIGHUP');
      await master.logged(/\[INFO\] Application reloaded: 2 new workers$/);
      await gone(old);
      const now = await linkedWorkers(port, 2);
      assert.deepEqual(
        now.filter((pid) => old.includes(pid)),
        [],
      );
    });

    for (const [behaviour, problem] of [
      ['not-loaded', 'The application broke.'],
      ['exits', 'Worker \\(pid:\\d+\\) exited with code 0 while it was booting'],
    ] as const) {
      it(`keeps the old workers where the new application does not load (${behaviour})`, async () => {
        const broken = reloads({
          app: { kind: 'javascript', path: '/nowhere', name: behaviour },
          policy: stubPolicy('second'),
        });
        const master = start({ workers: 2, reloads: broken });
        const port = await master.port();
        const old = await linkedWorkers(port, 2);
        master.signal('SIGHUP');
        await master.logged(new RegExp(`\\[ERROR\\] Application not reloaded, the old one stays: ${problem}$`));
        assert.deepEqual(await linkedWorkers(port, 2), old);
        assert.equal(await ask(port, 'policy'), 'second', 'the policy has nothing to do with it');
        // What dies later is started as it was.
        process.kill(old[0] ?? 0, 'SIGKILL');
        await master.logged(/was sent SIGKILL/);
        await linkedWorkers(port, 2);
        // The next one works.
        reloads({});
        master.signal('SIGHUP');
        await master.logged(/Application reloaded/);
      });
    }

    it('makes place for edges that are started otherwise, at other addresses too', async () => {
      const path = join(folder, 'another.sock');
      const binds = [{ kind: 'unix', path }];
      const master = start({ reloads: reloads({ binds, backlog: 9, edges: 2 }) });
      const port = await master.port();
      const [workers] = await linkedWorkers(port, 1);
      const old = childrenOf(master.pid).filter((pid) => pid !== workers);
      master.signal('SIGHUP');
      await master.logged(/\[INFO\] Edges reloaded: 2 new edges$/);
      await master.logged(new RegExp(`\\[INFO\\] Listening at: unix:${path} `));
      await gone(old);
      await assert.rejects(connectRaw(port), /ECONNREFUSED/);
      await linkedWorkers(path, 1);
    });

    it('keeps its addresses where a new one cannot be had, and reloads the rest', async () => {
      const binds = [{ kind: 'unix', path: join(folder, 'no', 'where.sock') }];
      const master = start({ reloads: reloads({ binds, policy: stubPolicy('second') }) });
      const port = await master.port();
      await linkedWorkers(port, 1);
      master.signal('SIGHUP');
      await master.logged(/\[ERROR\] Cannot listen at unix:.*EACCES.* The addresses stay as they were\.$/);
      await master.logged(/Application reloaded/);
      assert.equal(await ask(port, 'policy'), 'second');
    });

    it('watches the policy file that the configuration names now', async () => {
      const before = join(folder, 'before.json');
      const now = join(folder, 'now.json');
      for (const file of [before, now]) writeFileSync(file, '{}');
      const changes = { policyFile: now, policy: stubPolicy('second') };
      const master = start({ watchPolicy: true, policyFile: before, reloads: reloads(changes) });
      await master.logged(/Policy reloaded: second/);
      // Again and again: nothing tells when the first look at the file is over.
      let writes = 0;
      const writing = setInterval(() => writeFileSync(now, `{}${' '.repeat(++writes)}`), 3 * lookMs);
      await master.logged(/Policy file changed: \S*now\.json$/).finally(() => clearInterval(writing));
    });

    it('keeps the policy where the new one cannot be had', async () => {
      const master = start({ reloads: join(folder, 'nowhere.json') });
      const port = await master.port();
      await linkedWorkers(port, 1);
      master.signal('SIGHUP');
      await master.logged(/\[ERROR\] Not reloaded, the old configuration stays: Error: ENOENT.*\n {8}at /);
      assert.equal(await ask(port, 'policy'), 'first');
    });

    it('does nothing any more once the server ends', async () => {
      const master = start({ reloads: reloads({ policy: stubPolicy('second') }) });
      const port = await master.port();
      await linkedWorkers(port, 1);
      const running = await connectRaw(port);
      running.send('something long\n');
      await ask(port, 'pid');
      master.signal('SIGTERM');
      await master.logged(/Handling signal: term/);
      master.signal('SIGHUP');
      await master.logged(/Handling signal: hup/);
      running.send('policy\n');
      assert.equal(await running.receiveAll(), '"first"');
      const exit = await ended(master);
      assert.equal(exit.code, 0);
      assert.doesNotMatch(withoutWarningOfRoot(exit.stderr), /Policy|WARNING|ERROR/);
    });
  });

  describe('killed with -9', () => {
    for (const behaviour of ['ready', 'spins']) {
      it(`leaves no process and no file behind (worker ${behaviour})`, async () => {
        const temporary = mkdtempSync(join(folder, 'tmp-'));
        const env = { TMPDIR: temporary, XDG_RUNTIME_DIR: '' };
        const master = start({ behaviour, workers: 2, edges: 2 }, { env });
        const port = await master.port();
        await workerPids(master, 2);
        const spinning = await connectRaw(port);
        spinning.send('spin\n');
        const children = childrenOf(master.pid);
        assert.equal(children.length, 4);
        master.signal('SIGKILL');
        await gone(children);
        assert.deepEqual(privateDirectories(temporary), []);
      });
    }
  });
});

/** Others (tsx) use the same folder. */
function privateDirectories(folder: string): readonly string[] {
  return readdirSync(folder).filter((entry) => entry.startsWith('portcullis-'));
}

/** Resolves once a connect to the port is refused. */
async function refused(port: number): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    try {
      (await connectRaw(port)).destroy();
    } catch (error) {
      // A reset is a connection that was in the queue when the last listener closed.
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return;
      assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
    }
  }
  assert.fail('connects still succeed');
}
