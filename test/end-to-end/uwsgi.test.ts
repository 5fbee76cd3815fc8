import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { within } from '../support/deadline.ts';
import { KeepAliveClient } from '../support/keep-alive-client.ts';
import { type Program, runProgram, startProgram } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';
import { UwsgiServer, type UwsgiServerOptions } from '../support/uwsgi-server.ts';
import { get, post } from './server.ts';

/** The real program in front of the real uWSGI. */
class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'uwsgi-test-'));
  readonly #servers: UwsgiServer[] = [];
  #program: Program | undefined;
  port = 0;

  async server(options: UwsgiServerOptions = {}): Promise<UwsgiServer> {
    const server = new UwsgiServer(options);
    this.#servers.push(server);
    return server.start();
  }

  async serve(upstream: string, flags: readonly string[] = [], policy: object = {}): Promise<this> {
    writeFileSync(join(this.folder, 'policy.json'), JSON.stringify(policy));
    const words = ['-b', '127.0.0.1:0', '--no-control-socket', '-P', 'policy.json', ...flags, upstream];
    this.#program = startProgram(words, { cwd: this.folder });
    this.port = await this.program.port();
    return this;
  }

  get program(): Program {
    assert.ok(this.#program !== undefined, 'it was not started');
    return this.#program;
  }

  /** The whole answer, on a connection of its own. */
  async ask(bytes: string): Promise<string> {
    const client = await connectRaw(this.port);
    client.send(bytes.replace('\r\n', '\r\nConnection: close\r\n'));
    return client.receiveAll();
  }

  async content(bytes: string): Promise<string> {
    const answer = await this.ask(bytes);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    return answer.slice(answer.indexOf('\r\n\r\n') + 4);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    for (const server of this.#servers) await server.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** Status and words of `/readyz`. */
function ready(socketPath: string): Promise<readonly [number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/readyz', headers: { Host: 'localhost' } }, (answer) => {
      answer.setEncoding('utf8').on('data', (text: string) => resolve([answer.statusCode, text.trim()]));
    });
    asked.on('error', reject).end();
  });
}

const large = { request: { content: { maxBytes: '32MiB' } } };

for (const kind of ['TCP', 'Unix'] as const) {
  describe(`a uWSGI server behind a ${kind} socket`, () => {
    let site: Site;
    before(async () => {
      site = new Site();
      const path = join(site.folder, 'app.sock');
      const server = await site.server(kind === 'Unix' ? { socket: path } : {});
      await site.serve(kind === 'Unix' ? `uwsgi+unix:${path}` : `uwsgi://127.0.0.1:${server.port}`, [], large);
    });
    after(() => site.stop());

    it('sees these variables, and none that it would obey', async () => {
      const fields =
        'X-One: 1\r\nUWSGI-FILE: /tmp/x.py\r\nUWSGI_SETENV: A=b\r\nProxy: evil\r\nX-Forwarded-For: 6.6.6.6\r\n';
      const seen = JSON.parse(await site.content(get('/environ?q=%2F', `Cookie: a=1\r\n${fields}`)));
      const { REMOTE_PORT, ...others } = seen;
      assert.match(REMOTE_PORT, /^\d+$/);
      assert.deepEqual(others, {
        REQUEST_METHOD: 'GET',
        REQUEST_URI: '/environ?q=%2F',
        REQUEST_SCHEME: 'http',
        SCRIPT_NAME: '',
        PATH_INFO: '/environ',
        QUERY_STRING: 'q=%2F',
        SERVER_PROTOCOL: 'HTTP/1.1',
        SERVER_NAME: '127.0.0.1',
        SERVER_PORT: `${site.port}`,
        REMOTE_ADDR: '127.0.0.1',
        HTTP_HOST: 'localhost',
        HTTP_COOKIE: 'a=1',
        HTTP_X_ONE: '1',
        HTTP_UWSGI_FILE: '/tmp/x.py',
        // Of uWSGI itself.
        'wsgi.url_scheme': 'http',
      });
    });

    it('reads an upload of 20 MB', async () => {
      assert.equal(await site.content(post('/length', 'x'.repeat(20_000_000))), '20000000 20000000');
    });

    it('is told the length of chunked content', async () => {
      const chunked =
        'POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n!!!\r\n0\r\n\r\n';
      assert.equal(await site.content(chunked), '8 8');
    });

    it('answers although it leaves the content unread', async () => {
      assert.equal(await site.content(post('/unread', 'x'.repeat(3_000_000))), 'unread');
    });

    it('streams an answer without knowing its length', async () => {
      const content = await site.content(get('/stream', '', '1.0'));
      assert.deepEqual([content.length, content.at(-1)], [256 * 16_384, '\xff']);
    });

    it('answers HEAD without content, and the connection goes on', async () => {
      const client = await connectRaw(site.port);
      client.send(`HEAD /name HTTP/1.1\r\nHost: x\r\n\r\n${get('/environ')}`);
      assert.match(
        await client.receive(/\}$/),
        /^HTTP\/1\.1 200 OK\r\n[^{]*\r\n\r\nHTTP\/1\.1 200 OK\r\n[^{]*\r\n\r\n\{/,
      );
      client.destroy();
    });

    it('that ends before its Content-Length cuts the connection', async () => {
      const client = await KeepAliveClient.connect(site.port);
      await assert.rejects(client.ask(get('/short')), /closed behind/);
      client.destroy();
      await site.program.logged(/Response to request \S+ has 95 bytes too few/);
    });

    it('that goes on behind its Content-Length is cut there', async () => {
      assert.equal(await site.content(get('/long')), 'long');
    });

    it('may not say how a client’s connection is framed', async () => {
      const answer = await site.ask(get('/hop'));
      assert.match(answer, /^HTTP\/1\.1 502 /);
      assert.doesNotMatch(answer, /Transfer-Encoding/);
    });

    it('gets no request that its buffer would not hold', async () => {
      const answer = await site.ask(get('/environ', `Cookie: ${'y'.repeat(5000)}\r\n`));
      assert.match(answer, /^HTTP\/1\.1 431 [\s\S]*\(upstream\.too-large\)\n$/);
    });

    it('loses a process with its request, which is answered 502 and asked no other', async () => {
      assert.match(await site.ask(post('/dies', '')), /^HTTP\/1\.1 502 /);
      await site.program.logged(/Upstream \S+, request \S+ \(POST \/dies\): the connection ended without an answer/);
      assert.equal(await site.content(get('/name')), '');
    });
  });
}

describe('uWSGI servers', () => {
  let site: Site;
  afterEach(() => site.stop());

  it('have requests as their weights say', async () => {
    site = new Site();
    const [heavy, light] = [
      await site.server({ env: { NAME: 'heavy' } }),
      await site.server({ env: { NAME: 'light' } }),
    ];
    await site.serve(`uwsgi://127.0.0.1:${heavy.port}?weight=3,uwsgi://127.0.0.1:${light.port}`);
    const names: string[] = [];
    for (let count = 0; count < 40; count++) names.push(await site.content(get('/name')));
    const ofHeavy = names.filter((name) => name === 'heavy').length;
    assert.ok(ofHeavy >= 25 && ofHeavy <= 35, `${ofHeavy} of 40`);
  });

  it('that are killed and come back lose what they had, and nothing else', async () => {
    site = new Site();
    const socket = join(site.folder, 'app.sock');
    const done = join(site.folder, 'done');
    writeFileSync(done, '');
    const options = { socket, env: { DONE_FILE: done } };
    let server = await site.server(options);
    await site.serve(`uwsgi+unix:${socket}`);
    const clients = 8;
    const load = new Orders(site.port, clients);
    for (let round = 1; round <= 3; round++) {
      await load.answered(100 * round);
      await server.stop();
      server = await site.server(options);
    }
    await load.answered(400);
    const { confirmed, failed } = await load.stop();
    const times = new Map<string, number>();
    for (const id of readFileSync(done, 'latin1').trimEnd().split('\n')) times.set(id, (times.get(id) ?? 0) + 1);
    assert.deepEqual(
      confirmed.filter((id) => times.get(id) !== 1),
      [],
    );
    assert.ok(failed.length <= 3 * clients, `${failed.length} failed`);
    assert.deepEqual(
      failed.filter((id) => (times.get(id) ?? 0) > 1),
      [],
    );
    assert.equal(load.failedQueries, 0);
  });

  it('that are away make requests wait, and the server not ready', async () => {
    site = new Site();
    const socket = join(site.folder, 'app.sock');
    const admin = join(site.folder, 'admin.sock');
    await site.serve(`uwsgi+unix:${socket}`, ['--admin', `unix:${admin}`]);
    await site.program.logged(/Upstream uwsgi\+unix:\S+ gets no requests until it answers a ping: ENOENT/);
    assert.deepEqual(await ready(admin), [503, 'no upstream answers']);
    const asked = site.content(get('/name'));
    await site.server({ socket, env: { NAME: 'late' } });
    assert.equal(await asked, 'late');
    await site.program.logged(/Upstream uwsgi\+unix:\S+ gets requests again/);
    while ((await ready(admin))[0] !== 200);
  });

  it('get content as it comes where the policy says so, and chunked content with its length all the same', async () => {
    site = new Site();
    const server = await site.server();
    const policy = { request: { content: { delivery: 'stream', maxBytes: '32MiB' } } };
    await site.serve(`uwsgi://127.0.0.1:${server.port}`, [], policy);
    assert.equal(await site.content(post('/length', 'x'.repeat(5_000_000))), '5000000 5000000');
    const chunk = `${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n`;
    const head = 'POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    assert.equal(await site.content(`${head}${chunk.repeat(20)}0\r\n\r\n`), '2000000 2000000');
  });

  it('whose listen queue is full get the requests all the same', async () => {
    site = new Site();
    const socket = join(site.folder, 'app.sock');
    await site.server({ socket, processes: 1, flags: ['--listen', '1'], env: { NAME: 'behind' } });
    await site.serve(`uwsgi+unix:${socket}`);
    const names = await Promise.all(Array.from({ length: 32 }, () => site.content(get('/name'))));
    assert.deepEqual([...new Set(names)], ['behind']);
    assert.doesNotMatch(site.program.stderr, /gets no requests/);
  });

  it('that have no place for another connection are busy, not away', async () => {
    site = new Site();
    const server = await site.server({ processes: 1, flags: ['--listen', '1'] });
    await site.serve(`uwsgi://127.0.0.1:${server.port}?connections=50`, [], { timeouts: { queue: '3s' } });
    // More than a connection may wait, of which the kernel of the server hears no word.
    const answers = await Promise.all(Array.from({ length: 20 }, () => site.ask(get('/busy'))));
    assert.deepEqual(
      answers.filter((answer) => !/^HTTP\/1\.1 (?:200|503) /.test(answer)),
      [],
    );
    assert.doesNotMatch(site.program.stderr, /gets no requests/);
  });

  it('that do not answer in time are given up', async () => {
    site = new Site();
    const server = await site.server();
    await site.serve(`uwsgi://127.0.0.1:${server.port}`, ['-t', '1']);
    assert.match(await site.ask(get('/sleep')), /^HTTP\/1\.1 504 /);
    assert.equal(await site.content(get('/name')), '');
  });

  it('stay the same at a reload, which brings the policy', async () => {
    site = new Site();
    const server = await site.server();
    await site.serve(`uwsgi://127.0.0.1:${server.port}`);
    writeFileSync(join(site.folder, 'policy.json'), JSON.stringify({ request: { methods: ['HEAD'] } }));
    site.program.signal('SIGHUP');
    await site.program.logged(/Policy reloaded: /);
    assert.match(await site.ask(get('/name')), /^HTTP\/1\.1 405 /);
    site.program.signal('SIGTTIN');
    await site.program.logged(/there are no workers here/);
    site.program.signal('SIGTERM');
    const { code, stderr } = await within(30_000, site.program.exited, () => site.program.stderr);
    assert.equal(code, 0);
    assert.match(stderr, /Using worker: uwsgi\n/);
    assert.doesNotMatch(stderr, /Booting worker|Application reloaded/);
  });
});

describe('a configuration that names another upstream', () => {
  it('needs another start, and the server says so', async () => {
    const site = new Site();
    try {
      const server = await site.server({ env: { NAME: 'first' } });
      const configure = (app: string): void => writeFileSync(join(site.folder, 'config.json'), JSON.stringify({ app }));
      configure(`uwsgi://127.0.0.1:${server.port}`);
      await site.serve('config.json', ['-c']);
      for (const [before, app] of ['uwsgi://127.0.0.1:1', 'app:app'].entries()) {
        configure(app);
        site.program.signal('SIGHUP');
        await site.program.logged(/Not changed by a reload, needs a restart or USR2: .*the application/, before + 1);
        assert.equal(await site.content(get('/name')), 'first');
      }
    } finally {
      await site.stop();
    }
  });
});

describe('settings with a uWSGI upstream', () => {
  it('those of workers have no effect, and say so', async () => {
    const { code, stderr } = await runProgram(['--check-config', '-w', '4', '--threads', '2', 'uwsgi://127.0.0.1:9']);
    assert.equal(code, 0);
    assert.match(stderr, /flag --workers: has no effect: the uWSGI server runs the application/);
    assert.match(stderr, /flag --threads: has no effect/);
  });

  for (const [args, problem] of [
    [['-k', 'sync', 'uwsgi://127.0.0.1:9'], /the worker class sync does not run .* A uWSGI upstream takes uwsgi\./],
    [['-k', 'uwsgi', 'app:app'], /the worker class uwsgi does not run Python/],
    [['uwsgi://127.0.0.1'], /is no uWSGI upstream: the port is a number from 1 to 65535/],
  ] as const) {
    it(`${args.join(' ')} is refused`, async () => {
      const { code, stderr } = await runProgram(args);
      assert.equal(code, 2);
      assert.match(stderr, problem);
    });
  }
});

/** Half of the clients order something to be done once, the others only look. All go on after a 502. */
class Orders {
  readonly confirmed: string[] = [];
  readonly failed: string[] = [];
  failedQueries = 0;
  #answers = 0;
  #stopped = false;
  #onAnswer: () => void = () => {};
  readonly #running: Promise<unknown>;

  constructor(port: number, clients: number) {
    this.#running = Promise.all(Array.from({ length: clients }, (_, index) => this.#run(port, index)));
    this.#running.catch(() => {});
  }

  async answered(count: number): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#onAnswer = () => {
        if (this.#answers >= count) resolve();
      };
      this.#onAnswer();
    });
    await within(60_000, reached, () => `${this.#answers} answers, ${this.failed.length} failed`);
  }

  async stop(): Promise<{ readonly confirmed: readonly string[]; readonly failed: readonly string[] }> {
    this.#stopped = true;
    await this.#running;
    return this;
  }

  async #run(port: number, index: number): Promise<void> {
    const client = await KeepAliveClient.connect(port);
    try {
      for (let round = 0; !this.#stopped; round++) {
        const id = `${index}-${round}`;
        const isOrder = index % 2 === 0;
        const { status } = await client.ask(isOrder ? post(`/do?${id}`, '') : get('/name'));
        assert.ok(status === 200 || status === 502, `${status}`);
        if (isOrder) (status === 200 ? this.confirmed : this.failed).push(id);
        else if (status !== 200) this.failedQueries += 1;
        this.#answers += 1;
        this.#onAnswer();
      }
    } finally {
      client.destroy();
    }
  }
}
