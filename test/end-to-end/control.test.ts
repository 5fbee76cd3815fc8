import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Exit, gone, isAlive, type Program, runProgram, startProgram } from '../support/program.ts';

let folder: string;
let env: Readonly<Record<string, string>>;
const running: Program[] = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'control-test-'));
  writeFileSync(
    join(folder, 'app.mjs'),
    "export const app = (_, start) => { start('200 OK', []); return ['hello']; };\n",
  );
});
after(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const program of running.splice(0)) await program.stop();
});

/** Each test has a run-time directory of its own, so that no other server is in it. */
function fresh(): void {
  env = { XDG_RUNTIME_DIR: mkdtempSync(join(folder, 'run-')), TMPDIR: mkdtempSync(join(folder, 'tmp-')) };
}

async function serve(...flags: readonly string[]): Promise<Program> {
  const program = startProgram(['-b', '127.0.0.1:0', '--log-level', 'debug', ...flags, 'app.mjs'], {
    cwd: folder,
    env,
  });
  running.push(program);
  await program.logged(/Ready/);
  return program;
}

function ctl(...words: readonly string[]): Promise<Exit> {
  return runProgram(['ctl', ...words], { cwd: folder, env });
}

function sockets(): readonly string[] {
  return readdirSync(join(env['XDG_RUNTIME_DIR'] ?? '', 'portcullis'));
}

describe('portcullis ctl with a server', () => {
  it('shows what it is and what its processes do', async () => {
    fresh();
    const server = await serve('-w', '2');
    const port = await server.port();
    const { code, stdout } = await ctl('status');
    assert.equal(code, 0);
    for (const line of [
      new RegExp(`^server +portcullis \\S+, pid ${server.pid}$`, 'm'),
      /^application +app\.mjs \(node\)$/m,
      /^state +serving, up \d+ s$/m,
      new RegExp(`^listens at +http://127\\.0\\.0\\.1:${port}$`, 'm'),
      /^policy +default$/m,
      /^edge +\d+ +serving +\d+ s +\d+ MiB$/m,
    ]) {
      assert.match(stdout, line);
    }
    assert.equal(stdout.match(/^worker +\d+ +serving/gm)?.length, 2, stdout);
    const status = JSON.parse((await ctl('status', '--json', '--pid', String(server.pid))).stdout);
    assert.deepEqual([status.phase, status.edges.length, status.workers.length], ['serving', 1, 2]);
    const directory = join(env['XDG_RUNTIME_DIR'] ?? '', 'portcullis');
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.equal(statSync(join(directory, `${server.pid}.ctl`)).mode & 0o777, 0o600);
  });

  it('adds and removes workers', async () => {
    fresh();
    const server = await serve();
    assert.deepEqual(await outcome('remove-worker'), [1, 'portcullis: the last worker stays\n']);
    assert.deepEqual(await outcome('add-worker'), [0, '1 -> 2 workers\n']);
    await server.logged(/Booting worker with pid: (\d+)/, 2);
    assert.deepEqual(await outcome('remove-worker'), [0, '2 -> 1 workers\n']);
  });

  it('reloads, and says what has become of it', async () => {
    fresh();
    const policy = join(folder, 'policy.json');
    writeFileSync(policy, '{}');
    await serve('-P', policy);
    assert.deepEqual(await outcome('reload'), [0, 'Policy unchanged: policy\nApplication reloaded: 1 new worker\n']);
    writeFileSync(policy, '{ "queue": { "max": 7 } }');
    assert.deepEqual(await outcome('reload'), [
      0,
      'Policy reloaded: policy (in force in 1 edge)\nApplication reloaded: 1 new worker\n',
    ]);
    writeFileSync(policy, '{ "queue": { "max": "many" } }');
    const [code, text] = await outcome('reload');
    assert.equal(code, 1);
    assert.match(text, /^portcullis: Not reloaded, the old configuration stays: .*policy\.json:1:21: \/queue\/max: /);
  });

  for (const { words, isDrained } of [
    { words: ['stop'], isDrained: 'term' },
    { words: ['stop', '--now'], isDrained: 'quit' },
  ]) {
    it(`ends with ${words.join(' ')}, which returns when it has`, async () => {
      fresh();
      const server = await serve();
      const { code } = await ctl(...words);
      assert.equal(code, 0);
      await gone([server.pid], 2_000);
      assert.equal((await server.exited).code, 0);
      assert.match(server.stderr, new RegExp(`Handling signal: ${isDrained}$`, 'm'));
      assert.deepEqual(sockets(), []);
    });
  }

  it('blocks a client and lets it in again', async () => {
    fresh();
    const server = await serve();
    const url = `http://127.0.0.1:${await server.port()}/`;
    const status = async (): Promise<number> => (await fetch(url, { headers: { connection: 'close' } })).status;
    assert.equal(await status(), 200);
    assert.deepEqual(await outcome('jail'), [0, 'Nobody is blocked.\n']);
    assert.deepEqual(await outcome('jail', 'block', '127.0.0.1', '600'), [0, '127.0.0.1 is blocked for 600 s\n']);
    assert.equal(await status(), 429);
    assert.match((await outcome('jail'))[1], /^127\.0\.0\.1 +(10 min|9 min 5\d s)$/m);
    assert.deepEqual(await outcome('jail', 'release', '127.0.0.1'), [0, '127.0.0.1 is free\n']);
    assert.equal(await status(), 200);
  });
});

describe('portcullis ctl finds', () => {
  it('no server where none runs', async () => {
    fresh();
    const [code, text] = await outcome('status');
    assert.equal(code, 1);
    assert.match(text, /^portcullis: no server of this user runs with a control socket\./);
  });

  it('several, and asks which one is meant', async () => {
    fresh();
    const servers = [await serve(), await serve()];
    const [code, text] = await outcome('status');
    assert.equal(code, 2);
    assert.match(text, /^portcullis: 2 servers run, and one has to be named:$/m);
    for (const { pid } of servers) {
      assert.match(text, new RegExp(`^  --pid ${pid}  app\\.mjs  http://127\\.0\\.0\\.1:\\d+$`, 'm'));
      assert.equal((await outcome('status', '--pid', String(pid)))[0], 0);
    }
  });

  it('the one that lives beside a killed one, whose socket the next server removes', async () => {
    fresh();
    const killed = await serve();
    await killed.stop();
    assert.deepEqual(sockets(), [`${killed.pid}.ctl`]);
    assert.equal((await outcome('status'))[0], 1);
    const server = await serve();
    assert.deepEqual(sockets(), [`${server.pid}.ctl`]);
    assert.equal((await outcome('status'))[0], 0);
  });

  it('the one at a socket of its own, after a kill too', async () => {
    fresh();
    const path = join(folder, 'own.ctl');
    await (await serve('--control-socket', 'own.ctl')).stop();
    await serve('--control-socket', 'own.ctl');
    assert.equal((await outcome('status', '--socket', path))[0], 0);
  });

  it('none that was told to have no socket', async () => {
    fresh();
    for (const flags of [['--no-control-socket'], ['--control-socket', 'off']]) {
      const server = await serve(...flags);
      assert.equal((await outcome('status'))[0], 1);
      assert.ok(isAlive(server.pid));
    }
  });

  it('that a server without a place for its socket serves all the same', async () => {
    fresh();
    const server = await serve('--control-socket', 'no/where/x.ctl');
    await server.logged(/\[WARNING\] No control socket: /);
  });
});

/** The exit status, and what was said: on standard output, else as a complaint. */
async function outcome(...words: readonly string[]): Promise<readonly [code: number | null, text: string]> {
  const { code, stdout, stderr } = await ctl(...words);
  return [code, stdout === '' ? stderr : stdout];
}
