import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { childrenOf, gone, runProgram, startProgram } from './support/program.ts';
import { connectRaw, exchangeRaw, type RawClient } from './support/raw-client.ts';

const cases: readonly {
  readonly behaviour: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly said: RegExp;
}[] = [
  { behaviour: 'a missing application', args: [], code: 2, said: /the application is missing/ },
  {
    behaviour: 'an application that is not there',
    args: ['examples/helo.js'],
    code: 4,
    said: /Did you mean hello\.js\?/,
  },
  {
    behaviour: 'an unknown flag',
    args: ['--wrokers', '2', 'examples/hello.js'],
    code: 2,
    said: /Did you mean --workers\?/,
  },
  { behaviour: 'zero workers', args: ['-w', '0', 'examples/hello.js'], code: 2, said: /from 1 to 512/ },
  { behaviour: 'absurd workers', args: ['-w', '100000', 'examples/hello.js'], code: 2, said: /from 1 to 512/ },
  {
    behaviour: 'an unreadable policy',
    args: ['-P', 'policies', 'examples/hello.js'],
    code: 2,
    said: /policies/,
  },
  {
    behaviour: 'an invalid policy',
    args: ['-P', 'package.json', 'examples/hello.js'],
    code: 2,
    said: /package\.json:2:3: .*\n {3}2 \| {3}"name": "portcullis",\n {5}\| {3}\^\n/,
  },
  {
    behaviour: 'a broken environment',
    args: ['examples/hello.js'],
    environment: { WEB_CONCURRENCY: 'x' },
    code: 2,
    said: /environment WEB_CONCURRENCY/,
  },
  {
    behaviour: 'flags that only Gunicorn has',
    args: ['--spew', '--paste', 'x', 'examples/hello.js'],
    code: 2,
    said: /^portcullis: flag --spew: this is not in this version yet\.\nflag --paste: this has no meaning here/,
  },
  { behaviour: 'an import of nothing', args: ['import'], code: 2, said: /missing required argument 'file'/ },
  {
    behaviour: 'an address that this machine does not have',
    args: ['-b', '192.0.2.1:80', 'examples/hello.js'],
    code: 1,
    said: /Cannot listen at 192\.0\.2\.1:80: this machine has no such address/,
  },
];

describe('portcullis', () => {
  for (const { behaviour, args, environment, code, said } of cases) {
    it(`ends with ${code} and says why for ${behaviour}`, async () => {
      const exit = await runProgram(args, environment === undefined ? {} : { env: environment });
      assert.equal(exit.code, code, exit.stderr);
      assert.match(exit.stderr, said);
      assert.equal(exit.stdout, '');
      assert.doesNotMatch(exit.stderr, /^ +at /m);
    });
  }

  it('prints help and version on standard output', async () => {
    const help = await runProgram(['--help']);
    assert.deepEqual([help.code, help.stderr], [0, '']);
    assert.match(help.stdout, /^Usage: portcullis \[flags\] APP\n/);
    const version = await runProgram(['--version']);
    assert.deepEqual([version.code, version.stderr], [0, '']);
    assert.match(version.stdout, /^portcullis \d+\.\d+\.\d+\n$/);
  });
});

describe('portcullis in a folder with a gunicorn.conf.py', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
    mkdirSync(join(folder, 'site'));
    const answer = '[process.cwd(), process.env.GREETING, String(process.env.PORTCULLIS_BACKLOG)].join()';
    const app = `export const app = (environ, start) => { start('200 OK', []); return [${answer}]; };\n`;
    writeFileSync(join(folder, 'site/app.mjs'), app);
    const lines = ['bind = "127.0.0.1:0"', 'chdir = "site"', 'raw_env = ["GREETING=good day"]', 'wsgi_app = "app.mjs"'];
    writeFileSync(join(folder, 'gunicorn.conf.py'), `print("evaluated")\n${lines.join('\n')}\n`);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const workerClass of ['node', 'inline']) {
    it(`serves what the file says, with the worker class ${workerClass}`, async () => {
      const program = startProgram(['-k', workerClass], { cwd: folder, env: { PORTCULLIS_BACKLOG: '9' } });
      try {
        const answer = await exchangeRaw(await program.port(), request('/'));
        assert.match(answer, new RegExp(`${realpathSync(folder)}/site,good day,undefined`));
        assert.match(program.stderr, /^evaluated$/m);
      } finally {
        await program.stop();
      }
    });
  }

  it('prints the settings on standard output, and nothing else', async () => {
    const exit = await runProgram(['--print-config'], { cwd: folder });
    assert.deepEqual([exit.code, exit.stderr], [0, 'evaluated\n']);
    assert.match(exit.stdout, /^app +app\.mjs +gunicorn\.conf\.py:5\n/);
  });

  it('imports the file, and then checks what it has written', async () => {
    const names = ['--config', 'c.yaml', '--policy', 'p.yaml'];
    const exit = await runProgram(['import', 'gunicorn.conf.py', ...names], { cwd: folder });
    assert.deepEqual([exit.code, exit.stdout, exit.stderr], [0, 'Wrote c.yaml and p.yaml.\n', 'evaluated\n']);
    const check = await runProgram(['-c', 'c.yaml', '--check-config'], { cwd: folder });
    assert.deepEqual([check.code, check.stderr], [0, '']);
  });
});

/** Applications as files of a folder of their own. */
const apps: Readonly<Record<string, string>> = {
  'throws.mjs': "function boot() {\n  throw new RangeError('no database');\n}\nboot();\n",
  'broken.mjs': 'export function app( {\n',
  'misspelt.mjs': 'export const application = (environ, startResponse) => [];\nexport const other = 1;\n',
  'exits.mjs': 'process.exit(0);\n',
  'spins.mjs': "export function app() {\n  process.stderr.write('spinning\\n');\n  for (;;);\n}\n",
};

describe('portcullis with an application', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
    for (const [name, source] of Object.entries(apps)) writeFileSync(join(folder, name), source);
  });
  after(() => rmSync(folder, { recursive: true }));

  const failures = [
    { app: 'throws.mjs', code: 4, said: /no database[\s\S]* {4}at boot \(.*throws\.mjs:2/ },
    { app: 'broken.mjs', code: 4, said: /SyntaxError|broken\.mjs/ },
    { app: 'misspelt.mjs', code: 4, said: /application/ },
    { app: 'misspelt.mjs:othre', code: 4, said: /other/ },
    { app: 'exits.mjs', code: 3, said: /exited with code 0 while it was booting/ },
  ];
  for (const { app, code, said } of failures) {
    for (const flags of [['-w', '3', '-b', '127.0.0.1:0'], ['--check-config']]) {
      it(`ends with ${code} for ${app} and ${flags.join(' ')}, and says why once`, async () => {
        const exit = await runProgram([...flags, join(folder, app)]);
        assert.equal(exit.code, code, exit.stderr);
        assert.match(exit.stderr, said);
        assert.equal([...exit.stderr.matchAll(/\[ERROR\]/g)].length, 1, exit.stderr);
        if (app !== 'throws.mjs') assert.doesNotMatch(exit.stderr, /^ +at /m);
      });
    }
  }

  it('ends with 4 for an application that throws inside the edge', async () => {
    const exit = await runProgram(['-k', 'inline', '-b', '127.0.0.1:0', join(folder, 'throws.mjs')]);
    assert.equal(exit.code, 4, exit.stderr);
    assert.match(exit.stderr, /no database/);
  });

  it('ends with 0 and without a word where policy and application can be loaded', async () => {
    const exit = await runProgram(['--check-config', '-P', 'policies/default.json', 'examples/hello.js']);
    assert.deepEqual([exit.code, exit.stderr, exit.stdout], [0, '', '']);
  });

  it('ends with 1 and one line where the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const exit = await runProgram(['-b', `127.0.0.1:${port}`, 'examples/hello.js']);
    other.close();
    assert.equal(exit.code, 1);
    assert.match(exit.stderr, /^\S+ \S+ \S+ \S+ \[ERROR\] Cannot listen at [^\n]*EADDRINUSE[^\n]*\n$/);
  });

  it('refuses no connect and answers every request while its only edge is killed', async () => {
    const program = startProgram(['-b', '127.0.0.1:0', 'examples/hello.js']);
    try {
      const port = await program.port();
      await exchangeRaw(port, request('/first'));
      const worker = Number((await program.logged(/Booting worker with pid: (\d+)/))[1]);
      const [edge = 0] = childrenOf(program.pid).filter((pid) => pid !== worker);
      process.kill(edge, 'SIGKILL');
      // Connections that the dead edge had not accepted, and those that come while there is none.
      const clients: RawClient[] = [];
      for (let count = 0; count < 200; count += 1) clients.push(await connectRaw(port));
      await program.logged(new RegExp(`Edge \\(pid:${edge}\\) was sent SIGKILL`));
      for (let count = 0; count < 100; count += 1) clients.push(await connectRaw(port));
      for (const client of clients) client.send(request('/later'));
      const answers = await Promise.all(clients.map((client) => client.receiveAll()));
      const unanswered = answers.filter((answer) => !answer.includes('Hello from /later'));
      // The kernel resets what the dead edge held; it may have accepted a few before the signal reached it.
      assert.deepEqual(
        unanswered.filter((answer) => answer !== ''),
        [],
      );
      assert.ok(unanswered.length < 5, `${unanswered.length} of ${answers.length} were cut`);
    } finally {
      await program.stop();
    }
  });

  it('leaves nothing behind when it is killed while its application spins', async () => {
    const program = startProgram(['-b', '127.0.0.1:0', '-w', '2', join(folder, 'spins.mjs')]);
    const port = await program.port();
    await program.logged(/Booting worker/, 2);
    const children = childrenOf(program.pid);
    assert.equal(children.length, 3);
    const client = await connectRaw(port);
    client.send(request('/'));
    await program.logged(/^spinning$/);
    program.signal('SIGKILL');
    await gone(children);
    await program.stop();
  });
});

function request(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
}
