import { createClient } from '@redis/client';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { type FixedWindow, fixedWindowOf, grantOf } from '../admit/fixed-window.ts';
import type { Grant, TokenLimit } from '../admit/token-buckets.ts';
import type { StoreAddress } from '../config/rate-limit-store.ts';

type Counter = { readonly window: FixedWindow; readonly limiter: RateLimiterRedis };

/** Nobody waits for a connect, and a handshake of TLS has several round trips. */
const leastConnectMs = 1_000;
/** The counter that a new connection is tried with. */
const trialLimit: TokenLimit = { name: '', requests: 1_000_000, perMs: 1_000, burst: 1_000_000, blockMs: 0 };

/**
 * The counters in one Redis or Valkey, over one connection, which lives until its first error: after a time-out nobody knows
 * which of its commands will still be run. Whoever wants to go on connects anew.
 */
export class SharedCounters {
  /** Told of every error of the connection, from its `connect` on. */
  onLost: (error: unknown) => void = () => {};
  readonly #client: ReturnType<typeof clientFor>;
  /** One limiter for each limit, not for each take; those of limits that no policy has any more go with them. */
  readonly #counters = new WeakMap<TokenLimit, Counter>();

  private constructor(client: ReturnType<typeof clientFor>) {
    this.#client = client;
    client.on('error', (error: unknown) => this.onLost(error));
  }

  /**
   * Resolves once the store has counted something: one that answers a PING may still load its data, be a replica that takes
   * no writes, or be out of memory.
   */
  static async connect(address: StoreAddress, timeoutMs: number): Promise<SharedCounters> {
    const connectMs = Math.max(timeoutMs, leastConnectMs);
    const client = clientFor(address, connectMs);
    const counters = new SharedCounters(client);
    const connecting = client.connect();
    try {
      await inTime(connecting, connectMs, 'no connection');
      await counters.take(trialLimit, 'trial', 1, timeoutMs);
      return counters;
    } catch (error) {
      client.destroy();
      // A connect that is under way is not ended by that.
      connecting.then(
        () => client.destroy(),
        () => {},
      );
      throw error;
    }
  }

  /** Rejects where the store fails or takes longer; what it has counted by then stays counted. */
  async take(limit: TokenLimit, key: string, tokens: number, timeoutMs: number): Promise<Grant> {
    const { window, limiter } = this.#counterOf(limit);
    const outcome = await inTime(
      // It rejects for both: a limit that is reached, which is an answer, and a store that has failed.
      limiter.consume(key, tokens).catch((reason: unknown) => {
        if (reason instanceof RateLimiterRes) return reason;
        throw reason;
      }),
      timeoutMs,
      'no answer',
    );
    return grantOf(window, tokens, outcome.consumedPoints, outcome.msBeforeNext);
  }

  /** What is under way rejects. */
  close(): void {
    this.#client.destroy();
  }

  #counterOf(limit: TokenLimit): Counter {
    const known = this.#counters.get(limit);
    if (known !== undefined) return known;
    const window = fixedWindowOf(limit);
    const { points, seconds, blockSeconds } = window;
    const limiter = new RateLimiterRedis({
      storeClient: this.#client,
      useRedisPackage: true,
      rejectIfRedisNotReady: true,
      points,
      duration: seconds,
      blockDuration: blockSeconds,
      // Another definition of the limit has other counters: after a reload, or where two servers have different policies.
      keyPrefix: `portcullis:${encodeURIComponent(limit.name)}:${points}/${seconds}/${blockSeconds}`,
    });
    const counter = { window, limiter };
    this.#counters.set(limit, counter);
    return counter;
  }
}

function clientFor({ endpoint, username, password, database }: StoreAddress, connectTimeout: number) {
  // No reconnects and no queue of its own: commands that wait for a connection would be counted long after they mattered.
  const common = { connectTimeout, reconnectStrategy: false } as const;
  return createClient({
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    database,
    disableOfflineQueue: true,
    // The older protocol says all that is needed here, and greets without a round trip.
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket:
      endpoint.kind === 'unix'
        ? { ...common, path: endpoint.path }
        : endpoint.tls
          ? { ...common, host: endpoint.host, port: endpoint.port, tls: true }
          : { ...common, host: endpoint.host, port: endpoint.port },
  });
}

/** Where the answer is later, an error. */
function inTime<Value>(promise: Promise<Value>, milliseconds: number, what: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // After a pause of our own process timers come before the answers that have arrived meanwhile: those are read first.
      setImmediate(() => reject(new Error(`${what} within ${milliseconds} ms`)));
    }, milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
