import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import type { Grant, TokenLimit } from '../../src/admit/token-buckets.ts';
import type { StoreAddress } from '../../src/config/rate-limit-store.ts';
import { type LimitsOfPolicy, TokenAuthority } from '../../src/master/token-authority.ts';
import { within } from '../support/deadline.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { LogLines } from '../support/log-lines.ts';
import { RedisServer } from '../support/redis-server.ts';

/** Windows that do not end while a test runs. */
export const hourly: TokenLimit = { name: 'hourly', requests: 50, perMs: 3_600_000, burst: 50, blockMs: 0 };
export const never: TokenLimit = { name: 'never', requests: 1_000_000, perMs: 1_000, burst: 1_000_000, blockMs: 0 };
export const blocking: TokenLimit = { name: 'blocking', requests: 1, perMs: 1_000, burst: 1, blockMs: 3_599_500 };

/** Of a store that works: a machine that is busy with other tests must not make an outage. */
const patientMs = 10_000;
type Behaviour = Partial<LimitsOfPolicy['rateLimitStore']>;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** With its log; closed after the test, as all that is started here. */
export function authorityAt(store: StoreAddress, behaviour: Behaviour = {}) {
  const written = new LogLines();
  const limits = {
    rateLimits: [hourly, never, blocking],
    rateLimitStore: { timeoutMs: patientMs, outage: 'local', maxKeys: 1_000, ...behaviour } as const,
  };
  const authority = new TokenAuthority(limits, store, written.log);
  ends.push(() => authority.close());
  return { authority, written, limits };
}

export async function startRedis(...flags: readonly string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...flags);
  ends.push(() => server.stop());
  return server;
}

export async function startProxy(server: RedisServer): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(server.port);
  ends.push(() => proxy.stop());
  return proxy;
}

export async function take(authority: TokenAuthority, limit: TokenLimit, key: string, tokens: number): Promise<Grant> {
  const [grant] = await authority.answer([[limit.name, key, tokens]]);
  return grant ?? assert.fail('no answer');
}

let probes = 0;
/** Until a take of one is seen by the other: then both count in the store. Their keys are used for nothing else. */
export async function shared(one: TokenAuthority, other: TokenAuthority): Promise<void> {
  const meeting = async (): Promise<void> => {
    for (;;) {
      const key = `meeting ${++probes}`;
      await take(one, hourly, key, hourly.burst);
      if ((await take(other, hourly, key, 1))[0] === 0) return;
      await turn();
    }
  };
  await within(30_000, meeting(), () => 'the two share nothing');
}

/** Answers without a store are microtasks, and a loop of them alone would let nothing else happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
