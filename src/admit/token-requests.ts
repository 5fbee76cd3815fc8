import type { Clock } from './clock.ts';
import type { LimitInForce } from './limit-in-force.ts';
import type { Grant } from './token-buckets.ts';

/**
 * So many tokens of a rate limit, by its id, for a client or whatever else it counts by: a text of at most 64 characters.
 * `needed` of them are for requests that wait, the others to spare a message; left out: all are. Only who needs more than
 * there is has made a request too many.
 */
export type Take = readonly [limit: string, key: string, tokens: number, needed?: number];

/** The master. It answers the takes of a batch together and in their order, the batches as they are ready. */
export type TokenSource = (batch: number, takes: readonly Take[]) => void;

export type TokenLog = { limited(kind: string, text: string, level?: 'info' | 'warning'): void };

/** What is asked about. */
interface Asking {
  readonly limit: LimitInForce;
  readonly key: string;
  isAsking: boolean;
  neededTokens(now: number): number;
  receive(needed: number, granted: number, retryMs: number, now: number): void;
}

type Batch<Lease> = {
  readonly takes: readonly Take[];
  readonly leases: readonly Lease[];
  readonly stopTimer: () => void;
  isOverdue: boolean;
};

/** More is no bucket's, and a master takes who asks for it for broken. */
const mostTokens = 1_000_000_000;
/** The master may wait for a store for as long as the policy says; this is for the way to it and back. */
const wayMs = 100;
const nothing: Grant = [0, 0];

/**
 * What an edge asks its master for: all takes of one turn of the event loop in one message, with one timer. A master that
 * is late is asked for no more until it has answered: what waits for it would only grow.
 */
export class TokenRequests<Lease extends Asking> {
  timeoutMs: number;
  readonly #clock: Clock;
  readonly #source: TokenSource;
  readonly #log: TokenLog;
  readonly #owner: { received(leases: readonly Lease[]): void };
  readonly #batches = new Map<number, Batch<Lease>>();
  #asking: Lease[] = [];
  #lastBatch = 0;
  #overdue = 0;

  /** `received` is called for leases that have an answer, and for those whose answer is overdue. */
  constructor(
    timeoutMs: number,
    clock: Clock,
    source: TokenSource,
    log: TokenLog,
    owner: { received(leases: readonly Lease[]): void },
  ) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#source = source;
    this.#log = log;
    this.#owner = owner;
  }

  /** The master owes an answer for longer than it may take. */
  get areOverdue(): boolean {
    return this.#overdue > 0;
  }

  get patienceMs(): number {
    return this.timeoutMs + wayMs;
  }

  /** Once for all who wait for the same lease. */
  ask(lease: Lease): void {
    if (lease.isAsking) return;
    lease.isAsking = true;
    this.#asking.push(lease);
    if (this.#asking.length === 1) this.#clock.atEndOfTurn(() => this.#send());
  }

  answer(number: number, grants: readonly Grant[]): void {
    const batch = this.#batches.get(number);
    if (batch === undefined) return;
    this.#batches.delete(number);
    // Whoever waited for these tokens has gone on without them.
    if (batch.isOverdue) return this.#caughtUp();
    batch.stopTimer();
    const now = this.#clock.now();
    for (const [index, lease] of batch.leases.entries()) {
      const needed = batch.takes[index]?.[3] ?? 0;
      const [granted, retryMs] = grants[index] ?? nothing;
      lease.isAsking = false;
      lease.receive(needed, granted, retryMs, now);
    }
    this.#owner.received(batch.leases);
  }

  #send(): void {
    const now = this.#clock.now();
    const leases = this.#asking;
    this.#asking = [];
    this.#lastBatch += 1;
    const number = this.#lastBatch;
    const takes = leases.map((lease): Take => {
      const needed = Math.min(lease.neededTokens(now), mostTokens);
      return [lease.limit.id, lease.key, Math.max(needed, lease.limit.leaseTokens), needed];
    });
    // After a long turn, timers run before what has come meanwhile is read: the answer may be among it.
    const expire = (): void => this.#clock.atEndOfTurn(() => this.#expire(number));
    const stopTimer = this.#clock.after(this.patienceMs, expire);
    this.#batches.set(number, { takes, leases, stopTimer, isOverdue: false });
    this.#source(number, takes);
  }

  #expire(number: number): void {
    const batch = this.#batches.get(number);
    if (batch === undefined) return;
    batch.isOverdue = true;
    this.#overdue += 1;
    if (this.#overdue === 1) {
      this.#log.limited('rate-limits', `The master has not answered about rate limits for ${this.patienceMs} ms`);
    }
    for (const lease of batch.leases) lease.isAsking = false;
    this.#owner.received(batch.leases);
  }

  #caughtUp(): void {
    this.#overdue -= 1;
    if (this.#overdue === 0) this.#log.limited('rate-limits', 'The master answers about rate limits again', 'info');
  }
}
