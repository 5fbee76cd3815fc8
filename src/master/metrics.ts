import { setTimeout as delay } from 'node:timers/promises';
import type { StatsdConfig } from '../config/statsd.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { EdgeReport, LoggedKind } from '../telemetry/metrics/edge-counts.ts';
import { StatsdSender } from '../telemetry/statsd/statsd-sender.ts';
import type { ChildExit } from './child-handle.ts';
import { EdgeMeasurements, type MeasuredEdge } from './edge-measurements.ts';
import { type ExitCause, exitCause } from './exit-cause.ts';
import { StatsdFeed } from './statsd-feed.ts';

export type Role = 'edge' | 'worker';

/** What a server is at the moment. */
export interface MeasuredServer {
  /** Those that are there to answer. */
  readonly edges: readonly MeasuredEdge[];
  /** Processes that serve the application. */
  readonly workers: number;
  /** All metrics as text, from what has been counted. */
  expose(metrics: Metrics): string;
}

/** Between two collections of all numbers; who asks sooner waits for the next one, so that nobody is told what is old. */
const collectMs = 100;
const statsdMs = 1_000;

/** What happens in a server, counted: in the edges, and in the master itself. */
export class Metrics {
  readonly measurements = new EdgeMeasurements();
  /** By the master itself. */
  readonly logged: Record<LoggedKind, number> = { warning: 0, error: 0, exception: 0, critical: 0 };
  readonly exits = new Map<`${Role} ${ExitCause}`, number>();
  readonly #statsd: { readonly sender: StatsdSender; readonly feed: StatsdFeed } | null;
  #server: MeasuredServer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #next: Promise<string> | undefined;
  #collectedAt = Number.NEGATIVE_INFINITY;

  constructor(statsd: StatsdConfig | null, log: Pick<Log, 'limited'>) {
    this.#statsd =
      statsd === null ? null : { sender: new StatsdSender(statsd.server, log), feed: new StatsdFeed(statsd.names) };
  }

  begin(server: MeasuredServer): void {
    this.#server = server;
    if (this.#statsd !== null) this.#timer = setInterval(() => this.#send(), statsdMs);
  }

  /** All edges are gone, and what they said last is counted. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#statsd === null) return;
    this.#send();
    await this.#statsd.sender.close();
  }

  countLogged(kind: LoggedKind): void {
    this.logged[kind] += 1;
  }

  take(edge: MeasuredEdge, id: number, report: EdgeReport): void {
    this.measurements.take(edge, id, report);
    this.#statsd?.feed.take(report);
  }

  edgeEnded(edge: MeasuredEdge, exit: ChildExit): void {
    this.measurements.ended(edge);
    this.exited('edge', exit);
  }

  exited(role: Role, exit: ChildExit): void {
    const key = `${role} ${exitCause(exit)}` as const;
    this.exits.set(key, (this.exits.get(key) ?? 0) + 1);
  }

  /** Null: nothing is sent. */
  get statsdLost(): number | null {
    return this.#statsd?.sender.lost ?? null;
  }

  /** Of what happened up to now. Whoever asks at the same time gets the same. */
  text(): Promise<string> {
    this.#next ??= this.#collect();
    return this.#next;
  }

  async #collect(): Promise<string> {
    await delay(Math.max(0, this.#collectedAt + collectMs - performance.now()));
    this.#next = undefined;
    this.#collectedAt = performance.now();
    if (this.#server === undefined) return '';
    await this.measurements.ask(this.#server.edges);
    return this.#server.expose(this);
  }

  #send(): void {
    if (this.#statsd === null || this.#server === undefined) return;
    const { sender, feed } = this.#statsd;
    const { counters } = this.measurements.totals;
    sender.send(feed.next({ counters, logged: this.logged, workers: this.#server.workers }));
  }
}
