import type { RequestHead } from '../http1/request-head.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { Clock } from './clock.ts';
import { exceeded } from './exceeded.ts';
import { Lease } from './lease.ts';
import type { LimitInForce } from './limit-in-force.ts';
import { RecentlyUsed } from './recently-used.ts';
import { RequestKeys } from './request-keys.ts';
import type { Grant } from './token-buckets.ts';
import { type TokenLog, TokenRequests, type TokenSource } from './token-requests.ts';

/** Source: `/rateLimitStore`, `/connections/max`. */
export type AdmissionPolicy = {
  readonly timeoutMs: number;
  readonly outage: 'local' | 'refuse';
  /** Keys of one limit. */
  readonly maxKeys: number;
  /** Requests that may wait for tokens: no more than there are connections, but those of clients that left count too. */
  readonly maxWaiting: number;
};

/** Whoever asked, and was told to wait: one of these is called once, in a later turn. Neither may throw. */
export interface AdmissionSink {
  admitted(): void;
  refused(rejection: Rejection): void;
}

type RequestLease = Lease<WaitingRequest>;

/** A request that waits for its tokens, at the limit `next`. */
type WaitingRequest = {
  /** Null: its client has gone. */
  sink: AdmissionSink | null;
  /** Those that it counts under, in the order of the limits. */
  readonly leases: readonly RequestLease[];
  next: number;
};

/**
 * The second stage of the checks, behind the pure `inspect`: rate limits, which count what other requests did. An edge
 * leases tokens from its master, so that nearly every request is decided here and now; one whose key has none waits until
 * the master has answered. What the master refused is remembered as long as it said, so that a flood costs no message.
 *
 * Clock and master are given. Limits count requests, whatever becomes of them: one whose client goes while it waits has
 * spent its tokens, or to open and reset connections would cost nothing.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #keys = new RequestKeys();
  readonly #leases = new Map<string, RecentlyUsed<RequestLease>>();
  readonly #tokens: TokenRequests<RequestLease>;
  readonly #waiting = new Map<AdmissionSink, WaitingRequest>();
  #waitingCount = 0;
  #policy: AdmissionPolicy;
  /** Of the request that is asked about; used again for the next. */
  readonly #found: RequestLease[] = [];

  constructor(policy: AdmissionPolicy, clock: Clock, source: TokenSource, log: TokenLog) {
    this.#policy = policy;
    this.#clock = clock;
    this.#tokens = new TokenRequests(policy.timeoutMs, clock, source, log, {
      received: (leases) => this.#goOn(leases),
    });
  }

  /**
   * Null: the request passes. `pending`: `sink` hears of it later, and waits for one request at a time. Called while `head`
   * is valid, with the limits of its route. `client` is a `clientKey`; where it is null, nobody knows whose request it is:
   * limits keyed by client let it pass, and those keyed by a field that it has count it.
   *
   * Whether `rate.exceeded` is only observed is not asked here. Who observes it takes the rejection, now or in `refused`,
   * as one to note, and lets the request go on; limits behind the one that refused it have not counted it then.
   */
  admit(
    head: RequestHead,
    limits: readonly LimitInForce[],
    client: string | null,
    sink: AdmissionSink,
  ): Rejection | null | 'pending' {
    const now = this.#clock.now();
    const found = this.#found;
    let count = 0;
    let hasAll = true;
    for (let index = 0; index < limits.length; index++) {
      const limit = limits[index];
      const key = limit === undefined ? null : this.#keys.keyFor(limit, head, client);
      if (limit === undefined || key === null) continue;
      const lease = this.#leaseOf(limit, key);
      found[count++] = lease;
      if (lease.hasTokens(now)) continue;
      // Before any tokens are spent elsewhere.
      const refusedForMs = lease.refusedForMs(now);
      if (refusedForMs > 0) return exceeded(limit, refusedForMs);
      if (lease.isUnknown(now)) return unknown(limit);
      hasAll = false;
    }
    if (!hasAll) return this.#wait({ sink, leases: found.slice(0, count), next: 0 }, now);
    for (let index = 0; index < count; index++) found[index]?.spend();
    return null;
  }

  /** The client of this sink has gone: it is not called any more. One that does not wait is left alone. */
  cancel(sink: AdmissionSink): void {
    const request = this.#waiting.get(sink);
    if (request === undefined) return;
    request.sink = null;
    this.#waiting.delete(sink);
  }

  /** The master's answer to what was taken in this batch. */
  answer(batch: number, grants: readonly Grant[]): void {
    this.#tokens.answer(batch, grants);
  }

  /** Limits that are not among `limits` any more are forgotten; the others keep what they hold. */
  adopt(policy: AdmissionPolicy, limits: { has(id: string): boolean }): void {
    this.#policy = policy;
    this.#tokens.timeoutMs = policy.timeoutMs;
    for (const [id, leases] of this.#leases) {
      if (limits.has(id)) leases.bound(policy.maxKeys);
      else this.#leases.delete(id);
    }
  }

  #leaseOf(limit: LimitInForce, key: string): RequestLease {
    let leases = this.#leases.get(limit.id);
    if (leases === undefined) {
      leases = new RecentlyUsed(this.#policy.maxKeys);
      this.#leases.set(limit.id, leases);
    }
    let lease = leases.get(key);
    if (lease === undefined) {
      lease = new Lease(limit);
      leases.add(key, lease);
    }
    lease.limit = limit;
    return lease;
  }

  #wait(request: WaitingRequest, now: number): Rejection | null | 'pending' {
    const { maxWaiting } = this.#policy;
    if (this.#waitingCount >= maxWaiting)
      return reject('overload.queue', `${maxWaiting} requests wait for rate limits`);
    const outcome = this.#advance(request, now);
    if (outcome !== 'pending' || request.sink === null) return outcome;
    this.#waitingCount += 1;
    this.#waiting.set(request.sink, request);
    return 'pending';
  }

  /**
   * Limit by limit, each once the one before has let it pass: what is shared by many is asked for last, and only for
   * requests that come so far.
   */
  #advance(request: WaitingRequest, now: number): Rejection | null | 'pending' {
    for (; request.next < request.leases.length; request.next++) {
      const lease = request.leases[request.next];
      if (lease === undefined) continue;
      if (lease.hasTokens(now)) {
        lease.spend();
        continue;
      }
      const refusedForMs = lease.refusedForMs(now);
      if (refusedForMs > 0) return exceeded(lease.limit, refusedForMs);
      if (lease.isUnknown(now)) return unknown(lease.limit);
      if (this.#tokens.areOverdue) {
        if (this.#policy.outage === 'local') continue;
        return unknown(lease.limit);
      }
      lease.waiting.push(request);
      this.#tokens.ask(lease);
      return 'pending';
    }
    return null;
  }

  /** Something is known of these now. All of it is settled before anybody is told, who may come with the next request. */
  #goOn(leases: readonly RequestLease[]): void {
    const now = this.#clock.now();
    const settled: { readonly request: WaitingRequest; readonly outcome: Rejection | null }[] = [];
    for (const lease of leases) {
      const { waiting } = lease;
      lease.waiting = [];
      for (const request of waiting) {
        const outcome = this.#advance(request, now);
        if (outcome !== 'pending') settled.push({ request, outcome });
      }
    }
    this.#waitingCount -= settled.length;
    for (const { request } of settled) if (request.sink !== null) this.#waiting.delete(request.sink);
    for (const { request, outcome } of settled) {
      if (outcome === null) request.sink?.admitted();
      else request.sink?.refused(outcome);
    }
  }
}

function unknown({ name }: LimitInForce): Rejection {
  return reject('rate.unknown', `nobody can count it now (${name})`);
}
