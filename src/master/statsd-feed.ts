import {
  counterAt,
  type EdgeReport,
  type LoggedKind,
  loggedKinds,
  statusesIn,
} from '../telemetry/metrics/edge-counts.ts';
import { StatsdLines, type StatsdNames } from '../telemetry/statsd/statsd-lines.ts';

/** What Gunicorn's workers send for each request, and its master for its workers. */
const names = {
  requests: 'gunicorn.requests',
  duration: 'gunicorn.request.duration',
  status: 'gunicorn.request.status',
  log: 'gunicorn.log',
  workers: 'gunicorn.workers',
} as const;

export type StatsdReadings = {
  readonly counters: Float64Array;
  /** By the master itself. */
  readonly logged: Readonly<Record<LoggedKind, number>>;
  /** Processes that run the application. */
  readonly workers: number;
};

/**
 * The lines of one second: counts are what was added since the second before. Durations are sent one by one as Gunicorn does,
 * but of many requests a sample, whose rate tells the server how many each of them stands for.
 */
export class StatsdFeed {
  readonly #lines: StatsdLines;
  readonly #told = new Map<string, number>();
  #timings: string[] = [];

  constructor(statsdNames: StatsdNames) {
    this.#lines = new StatsdLines(statsdNames);
  }

  take({ timings, timed }: EdgeReport): void {
    const rate = timings.length / Math.max(timed, 1);
    for (const milliseconds of timings) this.#timings.push(this.#lines.timing(names.duration, milliseconds, rate));
  }

  next({ counters, logged, workers }: StatsdReadings): readonly string[] {
    const statuses = [...statusesIn(counters)];
    const requests = statuses.reduce((sum, [, count]) => sum + count, 0);
    const timings = this.#timings;
    this.#timings = [];
    return [
      ...timings,
      ...this.#added(names.requests, requests),
      ...statuses.flatMap(([status, count]) => this.#added(`${names.status}.${status}`, count)),
      ...loggedKinds.flatMap((kind, index) =>
        this.#added(`${names.log}.${kind}`, (counters[counterAt.logged + index] ?? 0) + logged[kind]),
      ),
      this.#lines.gauge(names.workers, workers),
    ];
  }

  #added(name: string, count: number): readonly string[] {
    const added = count - (this.#told.get(name) ?? 0);
    this.#told.set(name, count);
    return added > 0 ? [this.#lines.count(name, added)] : [];
  }
}
