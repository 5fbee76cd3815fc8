import type { RuleId } from '../../rejection/rules.ts';
import {
  add,
  counterAt,
  counterCount,
  type EdgeReport,
  type LoggedKind,
  loggedKinds,
  observe,
  phasePlace,
  rulePlaces,
  statusPlace,
} from './edge-counts.ts';

/** What is counted of a request that is over; times are those of `performance.now()`, 0: it did not come to that. */
export type MeteredRequest = {
  readonly startedAt: number;
  readonly releasedAt: number;
  readonly dispatchedAt: number;
  readonly completeAt: number;
  readonly endedAt: number;
  readonly status: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
};

const receiveAt = phasePlace('receive');
const queueAt = phasePlace('queue');
const appAt = phasePlace('app');
const sendAt = phasePlace('send');

/** The counters of one edge. Nothing is allocated for a request. */
export class EdgeMeter {
  readonly counters = new Float64Array(counterCount);
  readonly #timings: Float64Array;
  #timed = 0;

  /** `samples`: the most timings of a report. */
  constructor(samples: number) {
    this.#timings = new Float64Array(samples);
  }

  /** A phase that did not end was the last one, and lasted until the request was over. */
  end(record: MeteredRequest): void {
    const { counters } = this;
    const { startedAt, releasedAt, dispatchedAt, completeAt, endedAt } = record;
    add(counters, statusPlace(record.status), 1);
    add(counters, counterAt.receivedBytes, record.receivedBytes);
    add(counters, counterAt.sentBytes, record.sentBytes);
    observe(counters, counterAt.total, endedAt - startedAt);
    observe(counters, receiveAt, (releasedAt || endedAt) - startedAt);
    if (releasedAt !== 0) observe(counters, queueAt, (dispatchedAt || endedAt) - releasedAt);
    if (dispatchedAt !== 0) observe(counters, appAt, (completeAt || endedAt) - dispatchedAt);
    if (completeAt !== 0) observe(counters, sendAt, endedAt - completeAt);
    this.#sample(endedAt - startedAt);
  }

  refused(rule: RuleId): void {
    add(this.counters, counterAt.refused + (rulePlaces.get(rule) ?? 0), 1);
  }

  observed(rule: RuleId): void {
    add(this.counters, counterAt.observed + (rulePlaces.get(rule) ?? 0), 1);
  }

  accepted(): void {
    add(this.counters, counterAt.accepted, 1);
  }

  logged(kind: LoggedKind): void {
    add(this.counters, counterAt.logged + loggedKinds.indexOf(kind), 1);
  }

  /** By a log whose disk is full or whose reader has stopped. */
  logLinesLost(lines: number): void {
    add(this.counters, counterAt.logLinesLost, lines);
  }

  /** Once a second: the longest delay in it, and how long the event loop worked and waited. */
  loopTurned(delayMs: number, activeMs: number, idleMs: number): void {
    observe(this.counters, counterAt.loopDelay, delayMs);
    add(this.counters, counterAt.loopActiveMs, activeMs);
    add(this.counters, counterAt.loopIdleMs, idleMs);
  }

  /** The timings are left for a report that takes them. */
  report(gauges: readonly number[], takesTimings: boolean): EdgeReport {
    const counters = [...this.counters];
    if (!takesTimings) return { counters, gauges, timings: [], timed: 0 };
    const timed = this.#timed;
    this.#timed = 0;
    return { counters, gauges, timings: [...this.#timings.subarray(0, timed)], timed };
  }

  /** Each request has the same chance to be in the sample (Vitter's algorithm R). */
  #sample(milliseconds: number): void {
    const size = this.#timings.length;
    const place = this.#timed < size ? this.#timed : Math.floor(Math.random() * (this.#timed + 1));
    this.#timed++;
    if (place < size) this.#timings[place] = Math.max(milliseconds, 0);
  }
}
