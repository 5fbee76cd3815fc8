import { type Grant, TokenBuckets, type TokenLimit } from '../admit/token-buckets.ts';
import type { Take } from '../admit/token-requests.ts';
import type { StoreAddress } from '../config/rate-limit-store.ts';
import type { Policy } from '../policy/policy.ts';
import { rateLimitsById } from '../policy/rate-limits.ts';
import type { Log } from '../telemetry/error-log.ts';
import { type StoreBehaviour, type StoreHealth, TokenStore } from './token-store.ts';

/** What a policy says of rate limits, as far as it concerns who hands out the tokens. */
export type LimitsOfPolicy = {
  readonly rateLimits: readonly TokenLimit[];
  readonly rateLimitStore: StoreBehaviour & {
    /** Of each limit. */
    readonly maxKeys: number;
  };
};

/** Each by the id under which edges ask for it. */
export function limitsOf(policy: Policy): LimitsOfPolicy {
  const rateLimits = [...rateLimitsById(policy)].map(([id, limit]) => ({ ...limit, name: id }));
  return { rateLimits, rateLimitStore: policy.rateLimitStore };
}

/** Where only the store knows better, and is not asked: by then it may be back. */
const unknownForMs = 1_000;
/** In the place of a number of tokens. */
const unknown = -1;

/**
 * Hands out the tokens of all limits: to the edges of this server out of buckets in memory, or, where several servers share
 * their limits, out of their common store. While that fails the buckets count, each of them full at first.
 */
export class TokenAuthority {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #store: TokenStore | null;
  #buckets: ReadonlyMap<string, TokenBuckets> = new Map();
  #maxKeys = 0;
  /** Limits whose keys did not fit; each is told of once for a policy. */
  readonly #crowded = new Set<string>();

  /** `now` is in milliseconds and never goes back. */
  constructor(
    limits: LimitsOfPolicy,
    store: StoreAddress | null,
    log: Log,
    now: () => number = () => performance.now(),
  ) {
    this.#log = log;
    this.#now = () => Math.floor(now());
    this.#store = store === null ? null : new TokenStore(store, limits.rateLimitStore, log);
    this.adopt(limits);
  }

  /** A limit that stays as it is keeps what its keys have left. */
  adopt({ rateLimits, rateLimitStore }: LimitsOfPolicy): void {
    const before = this.#buckets;
    this.#maxKeys = rateLimitStore.maxKeys;
    this.#buckets = new Map(rateLimits.map((limit) => [limit.name, this.#bucketsFor(limit, before.get(limit.name))]));
    this.#crowded.clear();
    if (this.#store !== null) this.#store.behaviour = rateLimitStore;
  }

  /** In the order of the takes. Never rejects. */
  answer(takes: readonly Take[]): Promise<readonly Grant[]> {
    return Promise.all(takes.map((take) => this.#grant(take)));
  }

  /** Null: there is no store. */
  get storeHealth(): StoreHealth | null {
    return this.#store?.health ?? null;
  }

  /** Lets go of the store; takes that wait for it are answered without it. */
  close(): void {
    this.#store?.close();
  }

  async #grant([name, key, tokens, needed = tokens]: Take): Promise<Grant> {
    const buckets = this.#buckets.get(name);
    // An edge that has not adopted the newest policy yet asks for what only the one before has.
    if (buckets === undefined) return [tokens, 0];
    if (this.#store !== null) {
      // The store begins a block with the first token that it has not: there nothing is taken in advance.
      const shared = await this.#store.take(buckets.limit, key, buckets.limit.blockMs > 0 ? needed : tokens);
      if (shared !== undefined) return shared;
      if (this.#store.behaviour.outage === 'refuse') return [unknown, unknownForMs];
    }
    const grant = buckets.take(key, tokens, this.#now(), needed);
    if (buckets.forgotten > 0) this.#warnOfCrowd(name);
    return grant;
  }

  #bucketsFor(limit: TokenLimit, before: TokenBuckets | undefined): TokenBuckets {
    if (before === undefined || !fillAlike(limit, before.limit)) return new TokenBuckets(limit, this.#maxKeys);
    before.bound(this.#maxKeys, this.#now());
    return before;
  }

  #warnOfCrowd(name: string): void {
    if (this.#crowded.has(name)) return;
    this.#crowded.add(name);
    const [readable] = name.split(' ');
    this.#log.warning(
      `Rate limit ${readable} has more than ${this.#maxKeys} keys: those not seen for longest start anew`,
    );
  }
}

function fillAlike(left: TokenLimit, right: TokenLimit): boolean {
  return (['requests', 'perMs', 'burst', 'blockMs'] as const).every((name) => left[name] === right[name]);
}
