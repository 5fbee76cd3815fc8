import { type ProcessSample, sampleProcesses } from '../process-sample.ts';
import { quantile } from '../statistics.ts';
import { type ActFigures, sendTraffic } from './traffic.ts';

const SAMPLE_MS = 1000;
/** Every lane has been through every kind of act, and what is opened at the first use is open. */
const WARM_UP_SECONDS = 5;
const SETTLE_MS = 15_000;
const POLL_MS = 100;

export type ProcessFigures = {
  readonly pid: number;
  readonly name: string;
  /** Medians of the resident memory in the second and in the last quarter of the time, in bytes. */
  readonly early: number;
  readonly late: number;
  readonly descriptorsBefore: number;
  /** Once they are as many as before, or after a while. */
  readonly descriptorsAfter: number;
};

export type SoakFigures = {
  readonly acts: readonly ActFigures[];
  readonly processes: readonly ProcessFigures[];
  /** Process ids that were there at the start and are no more. */
  readonly ended: readonly number[];
};

/** Mixed traffic, and what each process of the server holds meanwhile. `roots`: as in `Server`. */
export async function soak(port: number, roots: readonly number[], seconds: number): Promise<SoakFigures> {
  const warmUp = await sendTraffic(port, WARM_UP_SECONDS);
  const before = await settled(roots, undefined);
  const series: (readonly ProcessSample[])[] = [];
  const timer = setInterval(() => series.push(sampleProcesses(roots)), SAMPLE_MS);
  const acts = await sendTraffic(port, seconds).finally(() => clearInterval(timer));
  const after = await settled(roots, before);
  const find = (samples: readonly ProcessSample[], pid: number) => samples.find((sample) => sample.pid === pid);
  const lasting = before.filter(({ pid }) => find(after, pid) !== undefined);
  return {
    acts: [...warmUp.filter(({ failures }) => failures.length > 0), ...acts],
    ended: before.filter((sample) => !lasting.includes(sample)).map(({ pid }) => pid),
    processes: lasting.map(({ pid, name, descriptors }) => {
      const memory = series.flatMap((samples) => find(samples, pid)?.residentBytes ?? []);
      const quarter = (index: number): number =>
        median(memory.slice((memory.length * index) / 4, (memory.length * (index + 1)) / 4));
      return {
        pid,
        name,
        early: quarter(1),
        late: quarter(3),
        descriptorsBefore: descriptors,
        descriptorsAfter: find(after, pid)?.descriptors ?? Number.NaN,
      };
    }),
  };
}

/**
 * Once the last connections are closed: no process has more descriptors than `before`, or, the first time, the same for
 * as long as the server keeps any connection.
 */
async function settled(
  roots: readonly number[],
  before: readonly ProcessSample[] | undefined,
): Promise<readonly ProcessSample[]> {
  const deadline = performance.now() + SETTLE_MS;
  let samples = sampleProcesses(roots);
  let least = total(samples);
  let since = performance.now();
  for (;;) {
    if (performance.now() > deadline) return samples;
    if (before === undefined ? performance.now() - since > QUIET_MS : total(samples) <= total(before)) return samples;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    samples = sampleProcesses(roots);
    if (total(samples) !== least) {
      least = total(samples);
      since = performance.now();
    }
  }
}

/** Longer than any deadline of `soakPolicy`. */
const QUIET_MS = 4000;

function total(samples: readonly ProcessSample[]): number {
  return samples.reduce((sum, { descriptors }) => sum + descriptors, 0);
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}
