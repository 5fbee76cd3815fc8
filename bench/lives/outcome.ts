import { whole, withSpread } from '../report/quantity.ts';
import type { Goal } from '../section.ts';
import { summarize } from '../statistics.ts';
import type { Contender } from './contender.ts';
import type { AttributedFailure, Life, Measure } from './life.ts';
import type { LifeFigures, NotRun } from './run-life.ts';

export const columns = [
  'server',
  'what happens',
  'times',
  'requests',
  'failed',
  'of these its own',
  'why',
  'run twice',
  'unchecked requests',
  'failed',
  'measured',
  'result',
];

export type Outcome = {
  readonly row: readonly string[];
  /** None for Gunicorn: nothing is promised for it. */
  readonly goals: readonly Goal[];
  /** Why it did not take place, where it did not. */
  readonly notRun: string | undefined;
  readonly data: unknown;
};

/** All that is wrong with it, in words; empty where everything is as promised. */
export function misses({ failures, allowed, ranTwice, volume, measures, problems }: LifeFigures): readonly string[] {
  const unchecked = Object.values(volume?.failed ?? {}).reduce((sum, count) => sum + count, 0);
  return [
    ...(failures.length > allowed ? [`${failures.length - allowed} requests failed that should not have`] : []),
    ...(ranTwice > 0 ? [`${ranTwice} requests were run twice`] : []),
    ...(unchecked > 0 ? [`${unchecked} unchecked requests failed`] : []),
    ...measures.filter(isTooMuch).map(({ what, unit, most }) => `${what}: more than ${most} ${unit}`.trimEnd()),
    ...problems,
  ];
}

export function outcomeOf(contender: Contender, life: Life, times: number, figures: LifeFigures | NotRun): Outcome {
  const { title, kind } = contender;
  const data = { server: title, life: life.name, ...figures };
  if (figures.type === 'not-run') {
    const row = [title, life.name, '', '', '', '', '', '', '', '', '', figures.why];
    const goal = { text: life.name, measured: figures.why, isMet: false };
    return { row, goals: kind === 'portcullis' ? [goal] : [], notRun: `${title}, ${life.name}: ${figures.why}`, data };
  }
  const { sent, failures, allowed, ranTwice, volume, measures } = figures;
  const missed = misses(figures);
  const row = [
    title,
    life.name,
    whole(times),
    whole(sent),
    whole(failures.length),
    whole(allowed),
    causes(failures),
    whole(ranTwice),
    volume === undefined ? '' : whole(volume.requests),
    volume === undefined ? '' : counts(volume.failed) || '0',
    measures.map(inWords).join('; '),
    missed.length === 0 ? 'as promised' : missed.join('; '),
  ];
  const goal = { text: life.name, measured: missed.join('; ') || 'as promised', isMet: missed.length === 0 };
  return { row, goals: kind === 'portcullis' ? [goal] : [], notRun: undefined, data };
}

/** What the client saw, and how far the application had come with it. */
function causes(failures: readonly AttributedFailure[]): string {
  const found: Record<string, number> = {};
  for (const failure of failures) {
    const words = `${failure.cause}, ${progressOf(failure)}`;
    found[words] = (found[words] ?? 0) + 1;
  }
  return counts(found);
}

function progressOf({ begunBy, hasEnded }: AttributedFailure): string {
  if (begunBy.length === 0) return 'not begun';
  return hasEnded ? 'answered by the app' : 'running';
}

function counts(found: Readonly<Record<string, number>>): string {
  return Object.entries(found)
    .map(([what, count]) => `${whole(count)} ${what}`)
    .join('; ');
}

function isTooMuch({ values, most }: Measure): boolean {
  return most !== undefined && values.some((value) => value > most);
}

function inWords({ what, unit, values }: Measure): string {
  if (values.length === 0) return '';
  const summary = summarize(values);
  const text = values.length === 1 ? whole(summary.median) : withSpread(summary, whole);
  return `${what}: ${text} ${unit}`.trimEnd();
}
