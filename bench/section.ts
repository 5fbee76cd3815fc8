import type { LoadGenerator } from './load/load.ts';
import type { BenchOptions } from './options.ts';

/** One question that the benchmark answers. */
export type Section = {
  readonly title: string;
  run(setup: Setup): Promise<SectionResult>;
};

export type Setup = {
  readonly options: BenchOptions;
  readonly load: LoadGenerator;
  /** Path of the program under test. */
  readonly program: string;
  /** What goes on, for whoever waits. */
  progress(text: string): void;
};

export type SectionResult = {
  /** How it was measured: one paragraph. */
  readonly method: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly goals: readonly Goal[];
  /** What was left out and why. */
  readonly notes: readonly string[];
  /** Every single figure, for `--json`. */
  readonly data: unknown;
  /** What should have been measured and was not, each with its reason: the run then ends with a status of failure. */
  readonly notRun?: readonly string[];
};

export type Goal = { readonly text: string; readonly measured: string; readonly isMet: boolean };

export function atLeast(what: string, least: number, measured: number): Goal {
  return { text: `${what} >= ${least} x`, measured: `${measured.toFixed(2)} x`, isMet: measured >= least };
}

export function atMost(what: string, most: number, unit: string, measured: number, digits: number): Goal {
  return {
    text: `${what} <= ${most} ${unit}`,
    measured: `${measured.toFixed(digits)} ${unit}`,
    isMet: measured <= most,
  };
}
