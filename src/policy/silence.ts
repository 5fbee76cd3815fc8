/**
 * How long an event loop may be silent, from `timeouts.worker`, in the two places that have to agree: the master, which
 * ends a silent worker, and the edge, which must not give up meanwhile what that worker has not begun.
 */
const leastPeriodMs = 100;
const longestPeriodMs = 5_000;
/** For a last look at what the silent process does; long enough for a machine that is overloaded, when this happens most. */
export const lastLookMs = 2_000;

/** Between two questions whether a process lives. A quarter: one that is lost in a late turn of the loop costs nobody's life. */
export function heartbeatMs(workerMs: number): number {
  return Math.min(Math.max(workerMs / 4, leastPeriodMs), longestPeriodMs);
}

/**
 * Beyond `workerMs`, counted from when a loop fell silent, until its process is gone for certain: one period to the question
 * that it does not answer, one because questions are looked at once a period, the last look, and as much for the end. 0: never.
 */
export function decisionMs(workerMs: number): number {
  return workerMs === 0 ? 0 : 2 * heartbeatMs(workerMs) + 2 * lastLookMs;
}
