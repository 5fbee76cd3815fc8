import type { Log } from '../telemetry/error-log.ts';
import { stackOf } from '../telemetry/stack.ts';
import { isThenable } from './answer.ts';

/** A function of the operator's that the server calls at a moment of its life. */
export type Hook = (...given: readonly unknown[]) => unknown;

/** What hooks get to write to the log of the server. */
export type HookLog = Readonly<Pick<Log, 'debug' | 'info' | 'warning' | 'error' | 'critical'>>;

/** A hook that is waited for may take so long. */
const awaitMs = 10_000;

export function hookLog({ debug, info, warning, error, critical }: Log): HookLog {
  return Object.freeze({ debug, info, warning, error, critical });
}

/** Calls it, where there is one. Whatever comes of it is logged and holds up nothing; a promise is not waited for. */
export function runHook(name: string, hook: Hook | undefined, given: readonly unknown[], log: Log): void {
  void settled(name, hook, given, log);
}

/** The same; resolves when its promise has settled, or the time for it is over. */
export async function awaitHook(
  name: string,
  hook: Hook | undefined,
  given: readonly unknown[],
  log: Log,
  milliseconds = awaitMs,
): Promise<void> {
  if (hook === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      log.error(`hook ${name} has not finished within ${milliseconds / 1000} s; it is not waited for any longer`);
      resolve();
    }, milliseconds);
  });
  await Promise.race([settled(name, hook, given, log), late]);
  clearTimeout(timer);
}

/** The hook itself runs before this returns. */
async function settled(name: string, hook: Hook | undefined, given: readonly unknown[], log: Log): Promise<void> {
  try {
    const result = hook?.(...given);
    if (isThenable(result)) await result;
  } catch (error) {
    log.error(`hook ${name} failed`, stackOf(error));
  }
}
