import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { camelCase } from '../../src/config/hooks.ts';
import { type Program, startProgram } from '../support/program.ts';
import { workerClasses } from './server.ts';

const names = [
  'on_starting',
  'on_reload',
  'when_ready',
  'pre_fork',
  'post_fork',
  'post_worker_init',
  'worker_int',
  'worker_abort',
  'pre_exec',
  'pre_request',
  'post_request',
  'child_exit',
  'worker_exit',
  'nworkers_changed',
  'on_exit',
];

/** A config file with all hooks, each of which writes what it is given as one line. */
function config(mark: string, nameOf = (name: string): string => name): string {
  const hooks = names.map((name) => `  ${nameOf(name)}(...given) { say('${mark} ${name}', given); },\n`);
  return `import { writeSync } from 'node:fs';
function say(name, given) {
  const shown = given.map((value) => {
    if (typeof value !== 'object' || value === null) return String(value);
    if (value.status !== undefined) return 'status=' + value.status;
    if (value.method !== undefined) return value.method + ' ' + value.path + '?' + value.query + ' ' + value.remoteAddress;
    if (value.REQUEST_METHOD !== undefined) return 'environ';
    return value.addresses === undefined ? 'worker ' + value.age + ' ' + value.pid : 'server ' + value.pid + ' ' + value.name;
  });
  writeSync(2, 'HOOK ' + name + ': ' + shown.join(', ') + ' (frozen ' + given.every((value) => !value?.log || Object.isFrozen(value)) + ')\\n');
}
export default {
${hooks.join('')}};
`;
}

let folder: string;
let program: Program | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hooks-test-'));
  writeFileSync(
    join(folder, 'app.mjs'),
    "export const app = (environ, start) => { if (environ.PATH_INFO === '/broken') throw new Error('broken'); start('201 Created', []); return ['hello']; };\n",
  );
});
afterEach(async () => {
  await program?.stop();
  program = undefined;
  rmSync(folder, { recursive: true });
});

function start(source: string, ...flags: readonly string[]): Program {
  writeFileSync(join(folder, 'portcullis.config.mjs'), source);
  const env = { XDG_RUNTIME_DIR: '', TMPDIR: folder };
  program = startProgram(['-b', '127.0.0.1:0', ...flags, 'app.mjs'], { cwd: folder, env });
  return program;
}

describe('hooks', () => {
  for (const workerClass of workerClasses) {
    it(`run in their order through the life of a server (-k ${workerClass})`, async () => {
      const server = start(config('one'), '-k', workerClass);
      await server.logged(/HOOK one when_ready/);
      const url = `http://127.0.0.1:${await server.port()}`;
      const close = { headers: { connection: 'close' } };
      assert.equal((await fetch(`${url}/a?b=c`, close)).status, 201);
      assert.equal((await fetch(`${url}/broken`, close)).status, 500);
      await server.logged(/HOOK one post_request: .*status=500/);
      server.signal('SIGTTIN');
      await server.logged(/HOOK one post_worker_init: worker 2/);
      server.signal('SIGINT');
      await server.exited;
      const lines = [...server.stderr.matchAll(/^HOOK one (.*) \(frozen true\)$/gm)].map(([, line]) => line ?? '');
      const [, worker] = /worker 1 (\d+)/.exec(lines.find((line) => line.startsWith('post_fork')) ?? '') ?? [];
      const master = `server ${server.pid} app.mjs`;
      const ofRequest = (path: string) => `GET ${path} 127.0.0.1`;
      const expected = [
        `on_starting: ${master}`,
        `nworkers_changed: ${master}, 1, null`,
        `pre_fork: ${master}, worker 1 null`,
        `post_fork: ${master}, worker 1 ${worker}`,
        `post_worker_init: worker 1 ${worker}`,
        `when_ready: ${master}`,
        `pre_request: worker 1 ${worker}, ${ofRequest('/a?b=c')}`,
        `post_request: worker 1 ${worker}, ${ofRequest('/a?b=c')}, environ, status=201`,
        `pre_request: worker 1 ${worker}, ${ofRequest('/broken?')}`,
        `post_request: worker 1 ${worker}, ${ofRequest('/broken?')}, environ, status=500`,
        `nworkers_changed: ${master}, 2, 1`,
        `worker_int: worker 1 ${worker}`,
        `worker_exit: ${master}, worker 1 ${worker}`,
        `child_exit: ${master}, worker 1 ${worker}`,
        `on_exit: ${master}`,
      ];
      for (const line of expected) assert.ok(lines.includes(line), `${line} is missing in:\n${lines.join('\n')}`);
      // What happens in one process, or waits for the other, has an order.
      const inOrder = ['on_starting', 'pre_fork', 'post_fork', 'post_worker_init', 'when_ready', 'pre_request'];
      const later = ['post_request', 'worker_int', 'worker_exit', 'child_exit', 'on_exit'];
      const places = [...inOrder, ...later].map((name) => lines.findIndex((line) => line.startsWith(`${name}:`)));
      assert.deepEqual(
        places,
        [...places].sort((left, right) => left - right),
        lines.join('\n'),
      );
    });
  }

  it('have the names of JavaScript as well', async () => {
    const server = start(config('camel', camelCase));
    await server.logged(/HOOK camel when_ready/);
    await server.logged(/HOOK camel post_worker_init/);
  });

  it('are those of the config file as a reload finds it', async () => {
    const server = start(config('old'));
    await server.logged(/HOOK old when_ready/);
    writeFileSync(join(folder, 'portcullis.config.mjs'), config('new'));
    server.signal('SIGHUP');
    await server.logged(/HOOK new on_reload: server/);
    server.signal('SIGTTIN');
    await server.logged(/HOOK new post_worker_init/);
    assert.doesNotMatch(server.stderr, /HOOK old on_reload/);
  });

  it('that fail, each in its way, are logged and take nothing down', async () => {
    const failing = names.map((name, index) =>
      index % 2 === 0
        ? `  ${name}() { throw new Error('no ${name}'); },`
        : `  async ${name}() { throw new Error('no ${name}'); },`,
    );
    const server = start(`export default {\n${failing.join('\n')}\n};\n`);
    await server.logged(/hook when_ready failed/);
    const url = `http://127.0.0.1:${await server.port()}/`;
    for (let count = 0; count < 3; count++) {
      assert.equal((await fetch(url, { headers: { connection: 'close' } })).status, 201);
    }
    server.signal('SIGHUP');
    await server.logged(/hook on_reload failed/);
    server.signal('SIGINT');
    assert.equal((await server.exited).code, 0);
    for (const name of names.filter((name) => name !== 'worker_abort' && name !== 'pre_exec')) {
      assert.match(server.stderr, new RegExp(`\\[ERROR\\] hook ${name} failed\n +Error: no ${name}\n`));
    }
  });

  it('of an abort run, and the worker is replaced', async () => {
    const server = start(config('one'));
    await server.logged(/HOOK one when_ready/);
    const [, pid] = await server.logged(/HOOK one post_fork: .*worker 1 (\d+)/);
    process.kill(Number(pid), 'SIGABRT');
    await server.logged(new RegExp(`HOOK one worker_abort: worker 1 ${pid}`));
    await server.logged(/HOOK one post_worker_init: worker 2/);
  });
});
