import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cannotChangeUsers } from '../support/as-root.ts';
import { childrenOf, gone, Program, programCommand, root } from '../support/program.ts';

const app = fileURLToPath(new URL('../end-to-end/fixtures/who-am-i.js', import.meta.url));
const section = readFileSync(join(root, 'packaging/supervisord.conf'), 'utf8');

/** The section as it is shipped, with the command, the directory and the log of this test, and without a user who is not here. */
function sectionHere(): string {
  const command = [process.execPath, ...programCommand(), '-b', '127.0.0.1:0', app].join(' ');
  const here = section
    .replace(/^command=.*/m, `command=${command}`)
    .replace(/^directory=.*/m, `directory=${root}`)
    .replace(/^stdout_logfile=.*/m, 'stdout_logfile=/dev/fd/2\nstdout_logfile_maxbytes=0');
  return cannotChangeUsers === false ? here : here.replace(/^user=.*\n/m, '');
}

describe('a server under supervisord', () => {
  it('starts, reloads, stops and leaves nobody behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'supervisord-'));
    const configFile = join(folder, 'supervisord.conf');
    const control = join(folder, 'control');
    writeFileSync(
      configFile,
      `[supervisord]
nodaemon=true
pidfile=${join(folder, 'pid')}
logfile=/dev/null
logfile_maxbytes=0
[unix_http_server]
file=${control}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${control}
${sectionHere()}`,
    );
    // It opens /dev/fd/2 by name, which a pipe of the shell allows and a socket of Node does not.
    const command = '/usr/bin/supervisord -c "$0" 2>&1 | cat >&2';
    const supervisor = new Program(
      spawn('/bin/sh', ['-c', command, configFile], { stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    const supervisord = (): number => Number(readFileSync(join(folder, 'pid'), 'latin1'));
    const supervisorctl = (...words: readonly string[]) =>
      promisify(execFile)('/usr/bin/supervisorctl', ['-c', configFile, ...words]);
    try {
      const master = Number((await supervisor.logged(/Listening at: .* \((\d+)\)/))[1]);
      await supervisor.logged(/Booting worker/);
      assert.deepEqual(childrenOf(supervisord()), [master]);
      const family = [master, ...childrenOf(master)];
      await supervisorctl('signal', 'HUP', 'portcullis');
      await supervisor.logged(/Handling signal: hup/);
      await supervisor.logged(/Policy unchanged/);
      assert.match((await supervisorctl('stop', 'portcullis')).stdout, /portcullis: stopped/);
      await gone(family, 0);
      assert.match(supervisor.stderr, /Handling signal: term/);
      assert.match(supervisor.stderr, /Shutting down: Master/);
      await supervisorctl('shutdown');
      assert.equal((await supervisor.exited).code, 0);
    } finally {
      if (existsSync(join(folder, 'pid'))) process.kill(supervisord(), 'SIGTERM');
      await supervisor.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
