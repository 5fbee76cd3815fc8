import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Program, startProgram } from '../support/program.ts';

/** Commands of ordinary Gunicorn tutorials, with a port that the system chooses. */
type Command = {
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly workers: number;
  readonly socket?: string;
  /** `hello` without more. */
  readonly says?: string;
};

/** With an application in JavaScript. */
const commands: readonly Command[] = [
  { words: ['-w', '4', '-b', '127.0.0.1:0', 'app.mjs:app'], workers: 4 },
  { words: ['--workers=2', '--bind=127.0.0.1:0', 'app.mjs'], workers: 2 },
  {
    words: [
      ...['--bind', '127.0.0.1:0', '--worker-tmp-dir', '/dev/shm', '--workers=2', '--threads=4'],
      ...['--forwarded-allow-ips=*', 'app.mjs'],
    ],
    workers: 2,
  },
  { words: ['--workers', '3', '--bind', 'unix:app.sock', 'app.mjs'], workers: 3, socket: 'app.sock' },
  {
    words: ['-c', 'python:config', 'app.mjs'],
    files: { 'config.py': 'import os\nbind = "127.0.0.1:" + os.environ.get("TEST_PORT", "0")\nworkers = 2\n' },
    workers: 2,
  },
  {
    words: ['--config=config.py', 'app.mjs'],
    files: {
      'config.py':
        'bind = ["127.0.0.1:0"]\nworkers = 1\nreuse_port = True\n\ndef when_ready(server):\n    server.log.info("ready")\n',
    },
    workers: 1,
  },
  { words: ['app.mjs'], env: { GUNICORN_CMD_ARGS: '--bind=127.0.0.1:0 --workers=2' }, workers: 2 },
  { words: ['-b', '127.0.0.1:0', 'app.mjs'], env: { WEB_CONCURRENCY: '3' }, workers: 3 },
];

/** An application that says what the variable has, which it reads as Django does: when it is imported. */
const application = (name: string): string => `import os

text = os.environ.get("DJANGO_SETTINGS_MODULE", "hello")


def ${name}(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
`;
const python: Readonly<Record<string, string>> = {
  'myapp.py': application('app'),
  'pkg/__init__.py': '',
  'pkg/mod.py': application('app'),
  'proj/__init__.py': '',
  'proj/wsgi.py': application('application'),
};

/** The same with an application in Python: nothing but the port is written in another way. */
const pythonCommands: readonly Command[] = [
  { words: ['-w', '4', '-b', '127.0.0.1:0', 'myapp:app'], workers: 4 },
  { words: ['--workers=4', '--bind=127.0.0.1:0', 'pkg.mod:app'], workers: 4 },
  { words: ['-b', '127.0.0.1:0', '--threads', '4', 'myapp:app'], workers: 1 },
  { words: ['--workers', '3', '--bind', 'unix:proj.sock', 'proj.wsgi'], workers: 3, socket: 'proj.sock' },
  {
    words: ['--config=config.py', 'myapp:app'],
    files: {
      'config.py':
        'import multiprocessing\n\nbind = "127.0.0.1:0"\nworkers = min(2, multiprocessing.cpu_count() * 2 + 1)\n',
    },
    workers: 2,
  },
  {
    words: ['-c', 'python:config', 'proj.wsgi:application'],
    files: { 'config.py': 'bind = "127.0.0.1:0"\nworkers = 2\nworker_class = "gthread"\nthreads = 2\n' },
    workers: 2,
  },
  {
    words: ['proj.wsgi'],
    files: {
      'gunicorn.conf.py':
        'bind = "127.0.0.1:0"\nraw_env = ["DJANGO_SETTINGS_MODULE=proj.of_the_file"]\nwsgi_app = "nowhere"\n',
    },
    workers: 1,
    says: 'proj.of_the_file',
  },
  {
    words: ['--bind', '127.0.0.1:0', 'proj.wsgi:application'],
    env: { DJANGO_SETTINGS_MODULE: 'proj.settings' },
    workers: 1,
    says: 'proj.settings',
  },
  {
    words: ['-b', '127.0.0.1:0', '-e', 'DJANGO_SETTINGS_MODULE=proj.production', '--env', 'OTHER=1', 'proj.wsgi'],
    env: { DJANGO_SETTINGS_MODULE: 'proj.settings' },
    workers: 1,
    says: 'proj.production',
  },
  { words: ['-b', '127.0.0.1:0', '--chdir', 'pkg', 'mod:app'], workers: 1 },
  { words: ['-b', '127.0.0.1:0', '--pythonpath', 'pkg', 'mod:app'], workers: 1 },
  { words: ['myapp:app'], env: { GUNICORN_CMD_ARGS: '--bind=127.0.0.1:0 --workers=2' }, workers: 2 },
];

let folder: string;
let program: Program | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutorials-test-'));
  writeFileSync(
    join(folder, 'app.mjs'),
    "export const app = (_, start) => { start('200 OK', []); return ['hello']; };\n",
  );
  for (const name of ['pkg', 'proj']) mkdirSync(join(folder, name));
  for (const [name, text] of Object.entries(python)) writeFileSync(join(folder, name), text);
});
afterEach(async () => {
  await program?.stop();
  program = undefined;
  rmSync(folder, { recursive: true });
});

describe('a command of a tutorial', () => {
  for (const { words, env = {}, files = {}, workers, socket, says = 'hello' } of [...commands, ...pythonCommands]) {
    const variables = Object.entries(env).map(([name, value]) => `${name}='${value}' `);
    it(`serves: ${variables.join('')}portcullis ${words.join(' ')}`, async () => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      const server = startProgram([...words, '--log-level', 'debug'], {
        cwd: folder,
        env: { XDG_RUNTIME_DIR: '', TMPDIR: folder, ...env },
      });
      program = server;
      await server.logged(/Ready/);
      assert.equal(server.stderr.match(/Booting worker with pid/g)?.length, workers);
      const where = socket === undefined ? { port: await server.port() } : { socketPath: join(folder, socket) };
      assert.deepEqual(await get(where), [200, says]);
    });
  }
});

function get(where: { readonly port: number } | { readonly socketPath: string }): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', ...where, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve([response.statusCode, text]));
    })
      .on('error', reject)
      .end();
  });
}
