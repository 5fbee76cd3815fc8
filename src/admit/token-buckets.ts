import { RecentlyUsed, Used } from './recently-used.ts';

/** One named limit, as far as it decides how many tokens a key gets. */
export type TokenLimit = {
  readonly name: string;
  /** Tokens that a bucket gains in `perMs`. */
  readonly requests: number;
  readonly perMs: number;
  /** Tokens that a full bucket holds. */
  readonly burst: number;
  /** How long a key gets nothing once it has asked for more than there is; 0: only until there are tokens again. */
  readonly blockMs: number;
};

/** `granted` is 0 to what was asked, or -1: nobody can say, and that refuses for `retryMs`; `retryMs`: where that is less, in how many milliseconds one token can be had, else 0. */
export type Grant = readonly [granted: number, retryMs: number];

class Bucket extends Used {
  /** When it is full again, in units; in the past: it is. All that GCRA has to know of a bucket. */
  fullAt = 0;
  /** In milliseconds. */
  blockedUntil = 0;
}

/** Spent keys that a new key takes along. More than one, so that their number falls again after a flood. */
const spentKeysPerNewKey = 2;

/**
 * The buckets of one limit: the generic cell rate algorithm (ITU-T I.371, as a virtual scheduling algorithm), which needs one
 * number for a key and no timer. In no window of t ms does a key get more than `burst + t * requests / perMs` tokens.
 *
 * Time is counted in units of which a millisecond and a token have a whole number each: a sum of fractions would lose tokens.
 * The number of keys is bounded, because who chooses addresses chooses keys: the one that was not asked for longest is
 * forgotten, and has a full bucket when it comes back.
 */
export class TokenBuckets {
  readonly limit: TokenLimit;
  /** Keys that were dropped while they had less than a full bucket: each got more than the limit allows, if it came back. */
  forgotten = 0;
  readonly #buckets: RecentlyUsed<Bucket>;
  readonly #unitsInMs: number;
  readonly #unitsInToken: number;
  readonly #unitsInBurst: number;
  #maxKeys: number;

  constructor(limit: TokenLimit, maxKeys: number) {
    this.limit = limit;
    this.#buckets = new RecentlyUsed(maxKeys);
    this.#maxKeys = maxKeys;
    // A token takes perMs/requests ms: with both divided by their common divisor the numbers stay small for months.
    const divisor = greatestCommonDivisor(limit.requests, limit.perMs);
    this.#unitsInMs = limit.requests / divisor;
    this.#unitsInToken = limit.perMs / divisor;
    this.#unitsInBurst = limit.burst * this.#unitsInToken;
  }

  get keys(): number {
    return this.#buckets.size;
  }

  /**
   * `now` is in whole milliseconds and never goes back; `tokens` is at least 1. What there is is granted, if it is less; a block
   * begins where it is less than `needed`.
   */
  take(key: string, tokens: number, now: number, needed = tokens): Grant {
    const bucket = this.#bucketOf(key, now);
    const at = now * this.#unitsInMs;
    const fullAt = Math.max(bucket.fullAt, at);
    const isBlocked = now < bucket.blockedUntil;
    const available = isBlocked ? 0 : Math.floor((at + this.#unitsInBurst - fullAt) / this.#unitsInToken);
    const granted = Math.min(tokens, available);
    bucket.fullAt = fullAt + granted * this.#unitsInToken;
    if (granted === tokens) return [granted, 0];
    if (!isBlocked && granted < needed) bucket.blockedUntil = now + this.limit.blockMs;
    const oneTokenAt = bucket.fullAt - this.#unitsInBurst + this.#unitsInToken;
    return [granted, Math.max(Math.ceil((oneTokenAt - at) / this.#unitsInMs), bucket.blockedUntil - now)];
  }

  /** Where it is fewer than there are, the excess goes now. */
  bound(maxKeys: number, now: number): void {
    this.#maxKeys = maxKeys;
    while (this.#buckets.size > maxKeys) this.#dropOldest(now);
    this.#buckets.bound(maxKeys);
  }

  #bucketOf(key: string, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    for (let dropped = 0; dropped < spentKeysPerNewKey && this.#oldestIsSpent(now); dropped += 1) this.#dropOldest(now);
    if (this.#buckets.size >= this.#maxKeys) this.#dropOldest(now);
    const bucket = new Bucket();
    this.#buckets.add(key, bucket);
    return bucket;
  }

  /** It says what a key that nobody knows says: full, not blocked. */
  #oldestIsSpent(now: number): boolean {
    const { oldest } = this.#buckets;
    return oldest !== undefined && oldest.fullAt <= now * this.#unitsInMs && oldest.blockedUntil <= now;
  }

  #dropOldest(now: number): void {
    const { oldest } = this.#buckets;
    if (oldest === undefined) return;
    if (!this.#oldestIsSpent(now)) this.forgotten += 1;
    this.#buckets.delete(oldest);
  }
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}
