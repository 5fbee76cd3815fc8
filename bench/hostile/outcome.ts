import { mebibytes, milliseconds, twoDigits, whole, withSpread } from '../report/quantity.ts';
import type { Goal } from '../section.ts';
import { summarize } from '../statistics.ts';
import type { Contender } from './contenders.ts';
import type { Attacked, Controlled, Measured } from './measure.ts';
import { p99, together } from './neighbour.ts';
import type { Trial } from './trials.ts';

const MOST_P99_RATIO = 1.5;
const MOST_GROWTH_BYTES = 32 * 1024 * 1024;

export const columns = [
  'server',
  'attack',
  'rate of it',
  'p99 calm',
  'p99 attacked',
  'x calm',
  'failed',
  'taken at once',
  'not ended',
  'memory',
  'CPU',
  'result',
];

/** What one row of the table says, and whether that is what was asked for. */
export type Outcome = {
  readonly row: readonly string[];
  /** None for other servers: nothing is promised for them. */
  readonly goal: Goal | undefined;
  readonly data: unknown;
};

export function outcomeOf(contender: Contender, trial: Trial, measured: Measured): Outcome {
  const { calm, attacked, growth } = measured;
  const before = together(calm);
  const during = together(attacked.map(({ visit }) => visit));
  const ratio = p99(during) / p99(before);
  const single = summarize(attacked.map(({ visit }, round) => p99(visit) / p99(calm[round] ?? before)));
  const left = Math.max(...attacked.map((spell) => spell.left));
  const cpu = summarize(attacked.map((spell) => spell.cpu));
  const misses = [
    ...(ratio > MOST_P99_RATIO ? ['p99'] : []),
    ...(during.failed > 0 ? ['requests failed'] : []),
    ...(left > 0 ? ['connections left'] : []),
    ...(growth.memoryBytes > MOST_GROWTH_BYTES ? ['memory'] : []),
    ...(growth.ended > 0 ? ['a process ended'] : []),
  ];
  const row = [
    contender.title,
    trial.name,
    rateOf(attacked),
    milliseconds(p99(before)),
    milliseconds(p99(during)),
    attacked.length === 1 ? twoDigits(ratio) : withSpread({ ...single, median: ratio }, twoDigits),
    whole(during.failed),
    whole(growth.descriptors),
    whole(left),
    `${mebibytes(growth.memoryBytes)} ${growth.memoryOf}`.trimEnd(),
    `${whole(cpu.median * 100)} %`,
    misses.length === 0 ? 'met' : `missed: ${misses.join(', ')}`,
  ];
  const goal: Goal = {
    text: `${trial.name}: p99 <= ${MOST_P99_RATIO} x calm, none failed, all ended, memory <= +${mebibytes(MOST_GROWTH_BYTES)}`,
    measured: `${twoDigits(ratio)} x, ${during.failed} failed, ${left} left, +${mebibytes(growth.memoryBytes)}`,
    isMet: misses.length === 0,
  };
  const data = { server: contender.title, attack: trial.name, ...forJson(measured) };
  return { row, goal: contender.isOurs ? goal : undefined, data };
}

/** slowhttptest keeps its figures to itself. */
function rateOf(attacked: readonly Attacked[]): string {
  const tallies = attacked.flatMap(({ tally }) => tally ?? []);
  const [first] = tallies;
  if (first === undefined) return '';
  return `${whole(summarize(tallies.map(({ done, seconds }) => done / seconds)).median)} ${first.what}/s`;
}

export function controlOutcomeOf(contender: Contender, trial: Trial, without: string, controlled: Controlled): Outcome {
  const { left } = controlled;
  const fails = left > 0;
  const cells: Readonly<Record<string, string>> = {
    server: contender.title,
    attack: `without ${without}`,
    'not ended': whole(left),
    result: fails ? 'fails, as it must' : 'missed: passes without its protection',
  };
  return {
    row: columns.map((column) => cells[column] ?? ''),
    goal: {
      text: `${trial.name}, without ${without}: connections are left`,
      measured: `${whole(left)} left`,
      isMet: fails,
    },
    data: { server: contender.title, attack: trial.name, without, ...controlled },
  };
}

/** Of what could not be measured: a row, so that minutes of other rows are not lost with it, and never a goal that is met. */
export function failureOf({ title, isOurs }: Contender, name: string, error: unknown): Outcome {
  const why = error instanceof Error ? error.message : String(error);
  const cells: Readonly<Record<string, string>> = { server: title, attack: name, result: `not measured: ${why}` };
  return {
    row: columns.map((column) => cells[column] ?? ''),
    goal: isOurs ? { text: name, measured: why, isMet: false } : undefined,
    data: { server: title, attack: name, failure: why },
  };
}

/** Each wait of thousands says no more than some of their quantiles. */
function forJson({ calm, attacked, growth }: Measured): object {
  return {
    calm: calm.map((visit) => ({ p99: p99(visit), failed: visit.failed })),
    attacked: attacked.map(({ visit, ...spell }) => ({ p99: p99(visit), failed: visit.failed, ...spell })),
    growth,
  };
}
