import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { childrenOf, gone, type Program, startProgram } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';
import { get, post } from './server.ts';

const shop = fileURLToPath(new URL('./fixtures/python/shop.py', import.meta.url));

/** A server with an application in Python, in a folder of its own. */
class PythonServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'python-test-'));
  readonly program: Program;
  port = 0;

  constructor(app: string, flags: readonly string[] = [], policy: object = {}) {
    copyFileSync(shop, join(this.folder, 'shop.py'));
    // The first request waits until a worker has booted, which takes seconds where the machine has other work.
    const patient = { timeouts: { queue: '60s' }, ...policy };
    writeFileSync(join(this.folder, 'policy.json'), JSON.stringify(patient));
    const words = ['-b', '127.0.0.1:0', '--no-control-socket', '-P', 'policy.json', ...flags, app];
    this.program = startProgram(words, { cwd: this.folder });
  }

  async start(): Promise<this> {
    this.port = await this.program.port();
    return this;
  }

  /** The whole answer, on a connection of its own. */
  async ask(bytes: string): Promise<string> {
    const client = await connectRaw(this.port);
    client.send(bytes.replace('\r\n', '\r\nConnection: close\r\n'));
    return client.receiveAll();
  }

  async stop(): Promise<void> {
    await this.program.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** Runs `act` with a server that is gone afterwards, whatever happens. */
async function withPython(
  { app = 'shop', flags = [], policy = {} }: { app?: string; flags?: readonly string[]; policy?: object },
  act: (server: PythonServer) => Promise<void>,
): Promise<void> {
  const server = await new PythonServer(app, flags, policy).start();
  try {
    await act(server);
  } finally {
    await server.stop();
  }
}

const large = { request: { content: { maxBytes: '32MiB' } } };

for (const flags of [
  ['-w', '2'],
  ['-k', 'gthread', '--threads', '4'],
  // The libraries of greenlets are Debian's.
  ['-k', 'gevent', '--python', '/usr/bin/python3'],
  ['-k', 'eventlet', '--python', '/usr/bin/python3'],
]) {
  describe(`a Python application with ${flags.join(' ')}`, () => {
    let server: PythonServer;
    before(async () => {
      server = await new PythonServer('shop:application', flags, large).start();
    });
    after(() => server.stop());

    it('sees the request, and its fields reach the client one by one', async () => {
      const answer = await server.ask(get('/caf%C3%A9?q=%2F', 'Cookie: x=1; y=2\r\n'));
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(answer, /Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
      const [, content = ''] = answer.split('\r\n\r\n');
      assert.match(content, /^GET\n\/caf\S+\nq=%2F\nx=1; y=2\n0\n\d+$/);
    });

    it('reads an upload of 20 MB', async () => {
      const answer = await server.ask(post('/upload', 'x'.repeat(20_000_000)));
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\n20000000\n\d+$/);
    });

    it('streams an answer without knowing its length', async () => {
      const client = await connectRaw(server.port);
      client.send(`GET /stream HTTP/1.0\r\nHost: x\r\n\r\n`);
      const [, content = ''] = (await client.receiveAll()).split('\r\n\r\n');
      assert.equal(content.length, 256 * 16_384);
      assert.equal(content.at(-1), '\xff');
    });

    it('fails with a page that says nothing of its traceback, which is in the log with the request', async () => {
      const answer = await server.ask(get('/fail'));
      assert.match(answer, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
      assert.doesNotMatch(answer, /secret|Traceback/);
      await server.program.logged(/shop:application: request [\da-f]+-\d+: the application raised/);
      await server.program.logged(/^ {4}ValueError: secret detail$/);
    });
  });
}

describe('a Python application', () => {
  it('runs as many requests at once as it has threads', async () => {
    await withPython({ flags: ['--threads', '2'] }, async (server) => {
      await server.program.logged(/Using worker: gthread/);
      const answers = await Promise.all([server.ask(get('/meet')), server.ask(get('/meet'))]);
      for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    });
  });

  it('comes from a factory that is called', async () => {
    await withPython({ app: "shop:create_app('moin')" }, async (server) => {
      assert.match(await server.ask(get('/')), /\r\n\r\nmoin$/);
    });
  });

  it('is loaded anew by HUP', async () => {
    await withPython({ app: 'shop:create_app("before")', flags: ['-w', '2'] }, async (server) => {
      assert.match(await server.ask(get('/')), /\r\n\r\nbefore$/);
      const source = readFileSync(shop, 'utf8').replace('greeting.encode', '"after".encode');
      writeFileSync(join(server.folder, 'shop.py'), source);
      server.program.signal('SIGHUP');
      await server.program.logged(/Application reloaded: 2 new workers$/);
      assert.match(await server.ask(get('/')), /\r\n\r\nafter$/);
    });
  });

  it('that is stuck costs its request 504 and its worker, whose stack is in the log', async () => {
    await withPython({ flags: ['--timeout', '2'] }, async (server) => {
      const hanging = server.ask(get('/hang'));
      await server.program.logged(/shop:application: request [\da-f]+-\d+: hangs$/);
      assert.match(await hanging, /^HTTP\/1\.1 504 /);
      await server.program.logged(/WORKER TIMEOUT/);
      await server.program.logged(/shop\.py:\d+/);
      assert.match(await server.ask(get('/')), /^HTTP\/1\.1 200 OK\r\n/);
    });
  });

  it('is replaced where a request hangs in one of its threads, without a failed request', async () => {
    await withPython({ flags: ['--threads', '2', '--timeout', '1'] }, async (server) => {
      const before = (await server.ask(get('/'))).split('\n').at(-1);
      assert.match(await server.ask(get('/hang')), /^HTTP\/1\.1 504 /);
      await server.program.logged(/nobody waits for this request any more, and it has not come back for 2 s$/);
      await server.program.logged(/shop\.py", line \d+, in hang$/);
      await server.program.logged(/Autorestarting worker after current request\. .*; a request hangs in it\)$/);
      let answer: string;
      do {
        answer = await server.ask(get('/'));
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      } while (answer.split('\n').at(-1) === before);
    });
  });

  it('is run at most once for each request while its workers are killed', async () => {
    await withPython({ flags: ['-w', '2'] }, async (server) => {
      const file = join(server.folder, 'appended');
      writeFileSync(file, '');
      // One that has booted: to lose another while it boots ends the server.
      const serving = (await server.ask(get('/'))).split('\n').at(-1);
      const clients = Array.from({ length: 8 }, async (_, client) => {
        const statuses: (readonly [string, number])[] = [];
        for (let index = 0; index < 60; index++) {
          const name = `${client}-${index}`;
          const answer = await server.ask(post(`/append?${file}`, '', `X-Name: ${name}\r\n`));
          statuses.push([name, Number(answer.slice(9, 12))]);
        }
        return statuses;
      });
      while (readFileSync(file, 'latin1').split('\n').length < 40) await new Promise((r) => setImmediate(r));
      process.kill(Number(serving), 'SIGKILL');
      const statuses = (await Promise.all(clients)).flat();
      const lines = readFileSync(file, 'latin1').trim().split('\n');
      assert.equal(lines.length, new Set(lines).size, 'a request was run twice');
      const failed = statuses.filter(([, status]) => status !== 200);
      assert.ok(failed.length <= 1 && failed.every(([, status]) => status === 502), `${failed}`);
      const missing = statuses.filter(([name, status]) => status === 200 && !lines.includes(name));
      assert.deepEqual(missing, []);
    });
  });

  it('is replaced after --max-requests without a failed request', async () => {
    await withPython({ flags: ['-w', '2', '--max-requests', '20'] }, async (server) => {
      const pids = new Set<string | undefined>();
      // The next worker boots while the old one goes on.
      for (let index = 0; index < 5_000 && pids.size < 4; index++) {
        const answer = await server.ask(get('/'));
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
        pids.add(answer.split('\n').at(-1));
      }
      assert.equal(pids.size, 4);
    });
  });

  it('leaves no process when the master is killed', async () => {
    await withPython({ flags: ['-w', '2'] }, async (server) => {
      await server.ask(get('/'));
      const children = childrenOf(server.program.pid);
      assert.equal(children.length, 3);
      server.program.signal('SIGKILL');
      await server.program.exited;
      await gone(children);
    });
  });
});

describe('a Python application that cannot be loaded', () => {
  const cases: readonly { readonly app: string; readonly says: RegExp }[] = [
    { app: 'nowhere:app', says: /nowhere[\s\S]*python/i },
    { app: 'shop:nothing', says: /nothing/ },
    { app: 'shop:PATHS', says: /PATHS/ },
  ];
  for (const { app, says } of cases) {
    it(`ends the start with 4 and says why: ${app}`, async () => {
      const server = new PythonServer(app);
      const { code, stderr } = await server.program.exited;
      assert.equal(code, 4, stderr);
      assert.match(stderr, says);
      rmSync(server.folder, { recursive: true });
    });
  }
});
