import type { Machine } from '../machine.ts';
import type { SectionResult } from '../section.ts';

/** A finished run, as every form of output reads it. */
export type Report = {
  /** ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly load: string;
  readonly sections: readonly MeasuredSection[];
};

export type MeasuredSection = SectionResult & {
  readonly name: string;
  readonly title: string;
  /** Share of the machine's CPUs that went to other programs meanwhile, 0 to 1. */
  readonly others: number;
};

/** More than this, and the figures say more about the others than about the servers. */
const BUSY_SHARE = 0.05;

export function describeRun({ date, machine, load }: Omit<Report, 'sections'>): string {
  const { cpus, model, kernel, node } = machine;
  return `${date.slice(0, 10)}, ${cpus} CPUs (${model}), Linux ${kernel}, Node ${node}, load from ${load}`;
}

export function describeOthers({ others }: MeasuredSection): string {
  const share = `other programs used ${(others * 100).toFixed(0)} % of the CPUs meanwhile`;
  return others > BUSY_SHARE ? `${share}: a busy machine, only the ratios mean something` : share;
}
