import { type RuleId, rules } from '../../rejection/rules.ts';

/**
 * What an edge counts, as two lists of numbers whose places are known here alone: to count costs one addition, to add up the
 * edges of a server another one, and what an edge tells its master is checked as easily as it is told.
 */

export const ruleIds = Object.keys(rules) as readonly RuleId[];
export const rulePlaces: ReadonlyMap<RuleId, number> = new Map(ruleIds.map((rule, index) => [rule, index]));

/**
 * Upper bounds of the buckets of every histogram, in milliseconds: from a cached page to the longest time-out that is common.
 * Prometheus' own defaults end at 10 s, where the deadlines of a server only begin.
 */
export const bucketsMs = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000] as const;
/** Each bucket by itself, one for what is beyond them, and the sum in milliseconds. */
const histogramPlaces = bucketsMs.length + 2;

/** The phases of a request follow one another; the access log has them under the same names. */
export const phases = ['receive', 'queue', 'app', 'send'] as const;
export type Phase = (typeof phases)[number];

/** As `connection/state.ts` has them, without the last one: who is closed is not there any more. */
export const connectionStates = [
  'idle',
  'receiving-head',
  'receiving-content',
  'responding',
  'refusing',
  'lingering',
] as const;
export type ConnectionState = (typeof connectionStates)[number];

/** What a log line says besides its text; `exception` is an error with a stack, as in Gunicorn. */
export const loggedKinds = ['warning', 'error', 'exception', 'critical'] as const;
export type LoggedKind = (typeof loggedKinds)[number];

/** Place 0: no status line was sent. */
export const leastStatus = 100;
const mostStatus = 599;

class Places {
  count = 0;

  take(places = 1): number {
    this.count += places;
    return this.count - places;
  }
}

const counterPlaces = new Places();
/** Where each counter begins. Counters only grow. */
export const counterAt = {
  statuses: counterPlaces.take(mostStatus - leastStatus + 2),
  total: counterPlaces.take(histogramPlaces),
  phases: counterPlaces.take(phases.length * histogramPlaces),
  loopDelay: counterPlaces.take(histogramPlaces),
  loopActiveMs: counterPlaces.take(),
  loopIdleMs: counterPlaces.take(),
  refused: counterPlaces.take(ruleIds.length),
  observed: counterPlaces.take(ruleIds.length),
  accepted: counterPlaces.take(),
  receivedBytes: counterPlaces.take(),
  sentBytes: counterPlaces.take(),
  logged: counterPlaces.take(loggedKinds.length),
  logLinesLost: counterPlaces.take(),
} as const;
export const counterCount = counterPlaces.count;

const gaugePlaces = new Places();
/** Where each gauge begins: how things are at the moment. */
export const gaugeAt = {
  connections: gaugePlaces.take(connectionStates.length),
  inFlight: gaugePlaces.take(),
  queued: gaugePlaces.take(),
  heldBytes: gaugePlaces.take(),
  spoolBytes: gaugePlaces.take(),
} as const;
export const gaugeCount = gaugePlaces.count;

export function add(counters: Float64Array, place: number, amount: number): void {
  counters[place] = (counters[place] ?? 0) + amount;
}

/** `at` is where the histogram begins. What took less than nothing, by a clock that was set back, took nothing. */
export function observe(counters: Float64Array, at: number, milliseconds: number): void {
  let bucket = 0;
  while (bucket < bucketsMs.length && milliseconds > (bucketsMs[bucket] ?? 0)) bucket++;
  add(counters, at + bucket, 1);
  add(counters, at + bucketsMs.length + 1, Math.max(milliseconds, 0));
}

export function statusPlace(status: number): number {
  return status < leastStatus || status > mostStatus
    ? counterAt.statuses
    : counterAt.statuses + status - leastStatus + 1;
}

export function phasePlace(phase: Phase): number {
  return counterAt.phases + phases.indexOf(phase) * histogramPlaces;
}

/** By its status, 0 where no status line was sent; those that never happened are left out. */
export function* statusesIn(counters: Float64Array): Generator<readonly [status: number, count: number]> {
  for (let place = 0; place <= mostStatus - leastStatus + 1; place++) {
    const count = counters[counterAt.statuses + place] ?? 0;
    if (count > 0) yield [place === 0 ? 0 : place + leastStatus - 1, count];
  }
}

/** What an edge tells its master. */
export type EdgeReport = {
  readonly counters: readonly number[];
  readonly gauges: readonly number[];
  /** How long some requests took in all, in milliseconds, chosen by chance from those that ended since the report before. */
  readonly timings: readonly number[];
  /** How many requests they were chosen from. */
  readonly timed: number;
};

/** Longer lists are no sample. */
export const maxTimings = 1024;

/** An edge reads what clients send, and what it says here becomes numbers that people and their alerts believe. */
export function isEdgeReport(value: unknown): value is EdgeReport {
  if (typeof value !== 'object' || value === null) return false;
  const { counters, gauges, timings, timed } = value as Partial<Record<keyof EdgeReport, unknown>>;
  return (
    areCounts(counters) &&
    counters.length === counterCount &&
    areCounts(gauges) &&
    gauges.length === gaugeCount &&
    areCounts(timings) &&
    timings.length <= maxTimings &&
    areCounts([timed]) &&
    Number(timed) >= timings.length
  );
}

function areCounts(values: unknown): values is readonly number[] {
  return Array.isArray(values) && values.every((value) => Number.isFinite(value) && value >= 0);
}
