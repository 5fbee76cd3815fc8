/**
 * How long to wait before a dead child is started anew. The first restart comes at once, since one crash is no pattern;
 * a child that keeps dying young costs a boot's worth of CPU each time, so the wait doubles up to a bound. The bound is
 * low: whoever finds a request that kills workers should not be able to keep the server down between two of them.
 */
export type RestartPace = {
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** A child that lived this long died of something new: the count starts again. */
  readonly stableMs: number;
};

export const defaultPace: RestartPace = { firstWaitMs: 100, longestWaitMs: 5_000, stableMs: 10_000 };

export interface RestartBackoff {
  /** Milliseconds from now to the next start, after a child that lived for `livedMs`. */
  waitAfter(livedMs: number): number;
}

export function createRestartBackoff(pace: RestartPace = defaultPace): RestartBackoff {
  let youngDeaths = 0;
  return {
    waitAfter(livedMs) {
      youngDeaths = livedMs >= pace.stableMs ? 1 : youngDeaths + 1;
      if (youngDeaths === 1) return 0;
      return Math.min(pace.longestWaitMs, pace.firstWaitMs * 2 ** (youngDeaths - 2));
    },
  };
}
