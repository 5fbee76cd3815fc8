import { peakResidentBytes, resetPeak, residentBytes } from './process-usage.ts';

const SAMPLE_MS = 100;

export type WithPeaks<Result> = {
  readonly result: Result;
  /** The largest resident memory by process id, in bytes. */
  readonly peaks: ReadonlyMap<number, number>;
};

/**
 * Watches the memory of processes while `action` runs: the kernel's own mark where it may be reset, and samples, which
 * see less but need no permission. Fails where one of the processes ends meanwhile.
 */
export async function watchPeaks<Result>(
  pids: readonly number[],
  action: () => Promise<Result>,
): Promise<WithPeaks<Result>> {
  const marked = new Set(pids.filter(resetPeak));
  const peaks = new Map<number, number>();
  const sample = (): void => {
    for (const pid of pids) {
      const now = marked.has(pid) ? peakResidentBytes(pid) : residentBytes(pid);
      peaks.set(pid, Math.max(now, peaks.get(pid) ?? 0));
    }
  };
  let stopSampling = (): void => {};
  const ended = new Promise<never>((_, reject) => {
    const timer = setInterval(() => {
      try {
        sample();
      } catch (error) {
        reject(error);
      }
    }, SAMPLE_MS);
    stopSampling = () => clearInterval(timer);
  });
  try {
    const result = await Promise.race([action(), ended]);
    sample();
    return { result, peaks };
  } finally {
    stopSampling();
  }
}
