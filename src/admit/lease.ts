import type { LimitInForce } from './limit-in-force.ts';
import { Used } from './recently-used.ts';

/** Tokens that are left over are worth the round trip they spare for so long at least. */
const shortestLeaseMs = 100;

/** What an edge holds of one key of one limit: tokens that the master granted, or its word that there are none. */
export class Lease<Waiting> extends Used {
  /** As the newest policy that asked has it: how much is leased may change, and the limit stay the same. */
  limit: LimitInForce;
  /** Requests in the order in which they came. */
  waiting: Waiting[] = [];
  /** Its master is asked, or is about to be. */
  isAsking = false;
  #tokens = 0;
  #expiresAt = 0;
  #refusedUntil = 0;
  #unknownUntil = 0;

  constructor(limit: LimitInForce) {
    super();
    this.limit = limit;
  }

  hasTokens(now: number): boolean {
    return this.#tokens >= this.limit.cost && now < this.#expiresAt;
  }

  /** Those of one request, which are there. */
  spend(): void {
    this.#tokens -= this.limit.cost;
  }

  /** Known without asking: 0 where it is not. */
  refusedForMs(now: number): number {
    return Math.max(0, this.#refusedUntil - now);
  }

  /** Nobody can say: not asked for again before a moment is over. */
  isUnknown(now: number): boolean {
    return now < this.#unknownUntil;
  }

  /** So many are missing for all who wait. */
  neededTokens(now: number): number {
    return Math.max(this.limit.cost, this.waiting.length * this.limit.cost - this.#heldTokens(now));
  }

  /**
   * Tokens are held no longer than the bucket takes to get as many again: by then a client that has gone quiet would have
   * had them back.
   */
  receive(needed: number, granted: number, retryMs: number, now: number): void {
    if (granted < 0) {
      this.#unknownUntil = now + Math.max(1, retryMs);
      return;
    }
    const { cost, tokenMs } = this.limit;
    this.#tokens = this.#heldTokens(now) + granted;
    this.#expiresAt = now + Math.max(shortestLeaseMs, this.#tokens * tokenMs);
    if (granted >= needed) return;
    // The master speaks of one token; a request may take several.
    const missing = cost - (this.#tokens % cost);
    this.#refusedUntil = now + Math.max(1, retryMs) + (missing - 1) * tokenMs;
    // A part of what one request takes is kept for it: else one that comes as told would find too few, time and again.
    this.#expiresAt = Math.max(this.#expiresAt, this.#refusedUntil + shortestLeaseMs);
  }

  #heldTokens(now: number): number {
    return now < this.#expiresAt ? this.#tokens : 0;
  }
}
