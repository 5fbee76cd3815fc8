import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childrenOf, gone, Program } from './program.ts';

const app = fileURLToPath(new URL('../end-to-end/fixtures/python/upstream.py', import.meta.url));

export type UwsgiServerOptions = {
  /** As uWSGI has it: an address and port, or the path of a Unix socket. */
  readonly socket?: string;
  readonly processes?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
};

/** The real uWSGI, with an application of ours. */
export class UwsgiServer {
  readonly program: Program;
  readonly #processes: number;
  port = 0;
  #isOver = false;

  constructor({ socket = '127.0.0.1:0', processes = 2, env = {}, flags = [] }: UwsgiServerOptions) {
    this.#processes = processes;
    const words = ['--plugin', 'python3', '--master', '--processes', `${processes}`, '--need-app', '--disable-logging'];
    const own = ['--socket', socket, '--wsgi-file', app, '--die-on-term', ...flags];
    this.program = new Program(
      spawn('uwsgi-core', [...words, ...own], {
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** Resolves when all its processes serve. */
  async start(): Promise<this> {
    const [, port] = await this.program.logged(
      /uwsgi socket 0 (?:inherited|bound to (?:UNIX|TCP)) address \S*?(?::(\d+))?(?: |$)/,
    );
    this.port = Number(port ?? 0);
    await this.program.logged(/spawned uWSGI worker \d+/, this.#processes);
    return this;
  }

  get processes(): readonly number[] {
    return childrenOf(this.program.pid);
  }

  /** At once and all of it: nobody gets an answer, nobody says goodbye. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    // The master first: it would start others.
    const pids = [this.program.pid, ...this.processes];
    for (const pid of pids) kill(pid);
    await gone(pids);
    await this.program.exited;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
