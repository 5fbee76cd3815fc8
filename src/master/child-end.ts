import type { Log } from '../telemetry/error-log.ts';
import type { ChildExit } from './child-handle.ts';

/** Why the first boot failed: the program ends with this status. The first line is the problem, a stack may follow. */
export type BootFailure = { readonly exitCode: number; readonly message: string };

/** What the child said of itself, else how it ended; `exitCode` is for the second case. */
export function bootFailure(name: string, pid: number | undefined, exit: ChildExit, exitCode: number): BootFailure {
  if (exit.failure !== null) return exit.failure;
  const when = exit.killedBecause === null ? ' while it was booting' : '';
  return { exitCode, message: describeEnd(name, pid, exit) + when };
}

export function logFailure(log: Log, { message }: BootFailure): void {
  const [problem = '', ...stack] = message.split('\n');
  log.error(problem, stack.length === 0 ? undefined : stack.join('\n'));
}

/** Gunicorn's words, which people search their logs for. */
export function describeEnd(name: string, pid: number | undefined, exit: ChildExit): string {
  const child = pid === undefined ? name : `${name} (pid:${pid})`;
  if (exit.killedBecause !== null) return `${child} ${exit.killedBecause}`;
  if (exit.signal === 'SIGKILL') return `${child} was sent SIGKILL! Perhaps out of memory?`;
  if (exit.signal !== null) return `${child} was sent ${exit.signal}!`;
  return `${child} exited with code ${exit.code}`;
}
