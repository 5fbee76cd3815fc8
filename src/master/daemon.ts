import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Config } from '../config/config.ts';
import { type Log, type LogLevel, openErrorLog } from '../telemetry/error-log.ts';

/**
 * `--daemon`. Node cannot fork, so the program starts itself again in a session of its own, and the first process stays until
 * the second serves or has failed: unlike Gunicorn's, its exit status says which. Over one pipe the second sends what it logs
 * until then, and a NUL byte when it serves.
 */
const variable = 'PORTCULLIS_DAEMON_OF';
const served = '\0';
const exitFailed = 1;
/** As Gunicorn's; a shell's may be anything. */
const daemonUmask = 0o022;
const firstFreeDescriptor = 3;

export type Daemon = {
  /** Writes to the log and to the terminal where somebody waits for the start. */
  readonly log: Log;
  announceReady(): void;
};

/**
 * The second process's side; null in a process that `startDaemon` has not started. Its number is in the variable, so that one
 * that leaks to another process means nothing there.
 */
export function daemonOf(environment: NodeJS.ProcessEnv, config: Config, log: Log): Daemon | null {
  const [parent, descriptor] = (environment[variable] ?? '').split(':').map(Number);
  delete environment[variable];
  if (parent !== process.ppid || descriptor === undefined) return null;
  process.umask(daemonUmask);
  const terminal = new Socket({ fd: descriptor, readable: false, writable: true });
  // Whoever waited has gone; that is no reason to end.
  terminal.on('error', () => {});
  const toTerminal = openErrorLog({ level: config.logLevel, write: (lines) => void terminal.write(lines) });
  return {
    log: both(log, toTerminal),
    announceReady: () => {
      if (terminal.writable) terminal.end(served);
    },
  };
}

/** Resolves to the exit status of the first process. `binds` on descriptors are handed on under their numbers. */
export async function startDaemon({ binds }: Config): Promise<number> {
  const descriptors = binds.flatMap((bind) => (bind.kind === 'descriptor' ? [bind.descriptor] : []));
  const pipe = Math.max(firstFreeDescriptor - 1, ...descriptors) + 1;
  const stdio = Array.from({ length: pipe + 1 }, (_, index) =>
    index === pipe ? 'pipe' : index >= firstFreeDescriptor && descriptors.includes(index) ? index : 'ignore',
  );
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio,
    env: { ...process.env, [variable]: `${process.pid}:${pipe}` },
  });
  // Whoever gives up waiting wants no server either.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const) process.on(signal, () => child.kill('SIGTERM'));
  return outcomeOf(child, pipe);
}

async function outcomeOf(child: ChildProcess, pipe: number): Promise<number> {
  const ended = new Promise<number>((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`portcullis: the daemon could not be started: ${error.message}\n`);
      resolve(exitFailed);
    });
    // A daemon that was told to end before it served has not started either.
    child.on('exit', (code) => resolve(code === null || code === 0 ? exitFailed : code));
  });
  const news = child.stdio[pipe];
  let text = '';
  if (news instanceof Readable) {
    for await (const chunk of news.setEncoding('utf8')) {
      text += chunk;
      if (text.endsWith(served)) return 0;
    }
  }
  const status = await ended;
  process.stderr.write(text);
  return status;
}

function both(one: Log, other: Log): Log {
  const twice = (level: LogLevel) => (text: string, stack?: string) => {
    one[level](text, stack);
    other[level](text, stack);
  };
  return {
    debug: twice('debug'),
    info: twice('info'),
    warning: twice('warning'),
    error: twice('error'),
    critical: twice('critical'),
    limited: (...line) => {
      one.limited(...line);
      other.limited(...line);
    },
  };
}
