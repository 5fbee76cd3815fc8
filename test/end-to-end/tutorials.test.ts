import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Program, startProgram } from '../support/program.ts';

/** Commands of ordinary Gunicorn tutorials, with an application in JavaScript and a port that the system chooses. */
const commands: readonly {
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly workers: number;
  readonly socket?: string;
}[] = [
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

let folder: string;
let program: Program | undefined;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutorials-test-'));
  writeFileSync(
    join(folder, 'app.mjs'),
    "export const app = (_, start) => { start('200 OK', []); return ['hello']; };\n",
  );
});
after(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await program?.stop();
  program = undefined;
});

describe('a command of a tutorial', () => {
  for (const { words, env = {}, files = {}, workers, socket } of commands) {
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
      assert.deepEqual(await get(where), [200, 'hello']);
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
