import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from './deadline.ts';
import { Program, programCommand, root } from './program.ts';

/** supervisord with the section that we ship, for a server that is started with these words in this directory. */
export class Supervisor {
  readonly folder = mkdtempSync(join(tmpdir(), 'supervisord-'));
  /** Its log, which is the server's own too. */
  readonly program: Program;

  constructor(words: readonly string[], directory: string) {
    const file = join(this.folder, 'supervisord.conf');
    writeFileSync(
      file,
      `[supervisord]
nodaemon=true
pidfile=${join(this.folder, 'pid')}
logfile=/dev/null
logfile_maxbytes=0
${sectionFor(words, directory)}`,
    );
    // It opens /dev/fd/2 by name, which a pipe of the shell allows and a socket of Node does not. Nothing of the person who
    // runs the test is in its environment: a virtual environment that is active here is not there.
    const line = '/usr/bin/supervisord -c "$0" 2>&1 | cat >&2';
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
    this.program = new Program(spawn('/bin/sh', ['-c', line, file], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  async stop(): Promise<void> {
    process.kill(Number(readFileSync(join(this.folder, 'pid'), 'latin1')), 'SIGTERM');
    await within(30_000, this.program.exited, () => `supervisord remains:\n${this.program.stderr}`);
    rmSync(this.folder, { recursive: true });
  }
}

/** As it is shipped, but for the command, the directory, the log, and a user who owns nothing here. */
function sectionFor(words: readonly string[], directory: string): string {
  return readFileSync(join(root, 'packaging/supervisord.conf'), 'utf8')
    .replace(/^command=.*/m, `command=${[process.execPath, ...programCommand(), ...words].join(' ')}`)
    .replace(/^directory=.*/m, `directory=${directory}`)
    .replace(/^user=.*\n/m, '')
    .replace(/^stdout_logfile=.*/m, 'stdout_logfile=/dev/fd/2\nstdout_logfile_maxbytes=0');
}
