import { lastLookMs } from '../policy/silence.ts';
import { atMost } from '../telemetry/at-most.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { WatchedChild } from './heartbeat.ts';
import { activityOf } from './process-activity.ts';

/**
 * Ends a process whose event loop is silent: says where it is, then kills it; its pool starts another. `noted` are those who
 * have to know before its links break; whoever of them does not answer is not waited for.
 */
export async function endSilent(
  child: WatchedChild,
  silentMs: number,
  noted: readonly Promise<void>[],
  log: Log,
): Promise<void> {
  const seconds = (silentMs / 1000).toFixed(1);
  const [stack] = await Promise.all([child.stack(lastLookMs), atMost(lastLookMs, Promise.all(noted))]);
  if (child.state === 'gone') return;
  // Gunicorn's words, which people search their logs for.
  const found = `WORKER TIMEOUT (pid:${child.pid}): its event loop was silent for ${seconds} s`;
  if (stack !== null) log.critical(`${found}; it was`, stack);
  else log.critical(`${found}; no stack within ${lastLookMs} ms${activity(child)}`);
  child.kill(`was silent for ${seconds} s`);
}

function activity({ pid }: WatchedChild): string {
  const known = pid === undefined ? '' : activityOf(pid);
  return known === '' ? '' : `: ${known}`;
}
