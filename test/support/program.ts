import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './deadline.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export type Exit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A started program: its log lines as they come, and its end. */
export class Program {
  readonly process: ChildProcess;
  /** Resolves when the program and every process that inherited its standard error are gone. */
  readonly exited: Promise<Exit>;
  #stdout = '';
  #stderr = '';
  #waiting = new Set<() => void>();
  #ended = false;

  constructor(process: ChildProcess) {
    this.process = process;
    process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const check of this.#waiting) check();
    });
    this.exited = once(process, 'close').then(([code, signal]) => {
      this.#ended = true;
      for (const check of this.#waiting) check();
      return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get pid(): number {
    assert.ok(this.process.pid !== undefined, 'the program did not start');
    return this.process.pid;
  }

  /** All of standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The `count`-th match of `pattern` in standard error, waited for; fails if the program ends without it. */
  async logged(pattern: RegExp, count = 1, milliseconds = 30_000): Promise<RegExpExecArray> {
    const all = new RegExp(pattern.source, 'gm');
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      const check = (): void => {
        const match = [...this.#stderr.matchAll(all)][count - 1];
        if (match !== undefined) resolve(match);
        else if (this.#ended) reject(new Error(`ended without ${pattern}:\n${this.#stderr}`));
        else return;
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
      check();
    });
    return within(milliseconds, found, () => `no ${pattern} in:\n${this.#stderr}`);
  }

  /** The port of the first TCP listener, once the program accepts. */
  async port(): Promise<number> {
    const [, port] = await this.logged(/Listening at: http:\/\/\S*?:(\d+)\b/);
    return Number(port);
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** For `after` and `finally`: ends the program whatever its state and waits for all its processes. */
  async stop(): Promise<Exit> {
    if (!this.#ended) this.process.kill('SIGKILL');
    return within(30_000, this.exited, () => `processes of ${this.pid} remain:\n${this.#stderr}`);
  }
}

export type ProgramOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Of the program and, since those are inherited, of its processes. */
  readonly nodeFlags?: readonly string[];
  /** Become descriptors 3, 4, ... of the program. */
  readonly descriptors?: readonly number[];
  /** A line that a shell runs instead; it becomes the program by `exec "$0" "$@"`. */
  readonly shell?: string;
  /** Whom the program is started as; takes root. */
  readonly user?: { readonly uid: number; readonly gid: number };
};

/** Starts `portcullis` with these arguments, in an environment without settings of the machine that runs the test. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  return startNode([...(options.nodeFlags ?? []), ...programCommand(), ...args], options);
}

/** Runs `portcullis` until it ends by itself. */
export function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Exit> {
  const program = startProgram(args, options);
  return within(60_000, program.exited, () => `still running:\n${program.stderr}`).finally(() => program.stop());
}

export function startNode(args: readonly string[], options: ProgramOptions = {}): Program {
  const env = { ...cleanEnvironment(), ...options.env };
  const { cwd = root, descriptors = [], user, shell } = options;
  const ids = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  const [command, words] =
    shell === undefined ? [process.execPath, args] : ['/bin/sh', ['-c', shell, process.execPath, ...args]];
  return new Program(spawn(command, words, { ...ids, cwd, env, stdio: ['ignore', 'pipe', 'pipe', ...descriptors] }));
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const settings =
    /^(PORTCULLIS_|PORT$|WEB_CONCURRENCY$|SCRIPT_NAME$|GUNICORN_CMD_ARGS$|VIRTUAL_ENV$|NODE_OPTIONS$|NODE_TEST_CONTEXT$|LISTEN_|NOTIFY_SOCKET$|WATCHDOG_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name)));
}

/** The built program; where it is older than its source, the source itself: a test never sees a stale build. */
export function programCommand(): readonly string[] {
  const built = join(root, 'dist/cli.js');
  const builtAt = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const newest = Math.max(...sources.map((name) => statSync(join(root, 'src', name)).mtimeMs));
  return builtAt > newest ? [built] : ['--import', import.meta.resolve('tsx'), join(root, 'src/cli.ts')];
}

/** Processes whose parent is `pid`. */
export function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
}

/** False for a process that is gone or dead and only not reaped yet. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** Resolves once none of these processes lives; their standard error may close a moment before they are gone. */
export async function gone(pids: readonly number[], milliseconds = 30_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (pids.some(isAlive)) {
    if (Date.now() > deadline) throw new Error(`still alive: ${pids.filter(isAlive)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
