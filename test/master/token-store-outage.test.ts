import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TokenAuthority } from '../../src/master/token-authority.ts';
import { within } from '../support/deadline.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { freePort, type RedisServer, storeAt } from '../support/redis-server.ts';
import { authorityAt, hourly, never, shared, startProxy, startRedis, take, turn } from './store-harness.ts';

/** Short, and longer than a machine that is busy with other tests holds up a store that works. */
const timeoutMs = 500;

const fails = /^\[WARNING\] The rate-limit store at redis:\S+ fails \(/;
const isBack = /^\[INFO\] The rate-limit store at redis:\S+ is back after \d+\.\d s: limits are shared again$/;

/** Takes one after the other until it is told to stop; each has to be granted. */
class Load {
  takes = 0;
  slowestMs = 0;
  #isStopped = false;
  readonly #running: Promise<unknown>;

  constructor(authority: TokenAuthority) {
    this.#running = Promise.all(Array.from({ length: 8 }, (_, index) => this.#run(authority, `load ${index}`)));
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(authority: TokenAuthority, key: string): Promise<void> {
    while (!this.#isStopped) {
      const asked = performance.now();
      assert.deepEqual(await take(authority, never, key, 1), [1, 0]);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - asked);
      this.takes += 1;
      await turn();
    }
  }
}

async function granted(authority: TokenAuthority): Promise<void> {
  while ((await take(authority, never, 'first', 1))[0] === 0) await turn();
}

describe('a rate-limit store that fails', () => {
  const faults: readonly {
    readonly behaviour: string;
    readonly begin: (server: RedisServer, proxy: FaultProxy) => unknown;
    readonly end: (server: RedisServer, proxy: FaultProxy) => unknown;
    readonly reason: RegExp;
    /** Of a key that had spent its burst before the fault. */
    readonly leftAfterwards: number;
  }[] = [
    {
      behaviour: 'is stopped',
      begin: (server) => server.pause(),
      end: (server) => server.resume(),
      reason: /fails \(no answer within 500 ms\): limits are those of this server alone until it is back$/,
      leftAfterwards: 0,
    },
    {
      behaviour: 'is killed and started again',
      begin: (server) => server.kill(),
      end: (server) => server.restart(),
      reason: /fails \(Socket closed unexpectedly\)/,
      leftAfterwards: 50,
    },
    {
      behaviour: 'is too slow',
      begin: (_, proxy) => {
        proxy.delayMs = timeoutMs;
      },
      end: (_, proxy) => {
        proxy.delayMs = 0;
      },
      reason: /fails \(no answer within 500 ms\)/,
      leftAfterwards: 0,
    },
  ];
  for (const { behaviour, begin, end, reason, leftAfterwards } of faults) {
    it(`because it ${behaviour} costs no request: limits fall back and come back, each with one line`, async () => {
      const server = await startRedis();
      const proxy = await startProxy(server);
      const { authority: one, written } = authorityAt(storeAt(proxy.port), { timeoutMs });
      const { authority: other } = authorityAt(server.address);
      await shared(one, other);
      assert.deepEqual(await take(one, hourly, 'a', 50), [50, 0]);
      assert.equal((await take(one, hourly, 'a', 1))[0], 0);

      const load = new Load(one);
      await begin(server, proxy);
      await written.logged(fails);
      // From here on each answer is immediate, out of buckets that are full at first.
      assert.deepEqual(await take(one, hourly, 'a', 50), [50, 0]);
      assert.equal((await take(one, hourly, 'a', 1))[0], 0);
      const accepted = proxy.accepted;
      const tries = async (): Promise<void> => {
        while (proxy.accepted < accepted + 2) await turn();
      };
      await within(30_000, tries(), () => 'it does not try to connect');
      await end(server, proxy);
      await written.logged(isBack);
      assert.equal((await take(one, hourly, 'a', 50))[0], leftAfterwards);
      await load.stop();

      assert.ok(load.takes > 100, `${load.takes} takes`);
      assert.ok(load.slowestMs < 10 * timeoutMs, `${load.slowestMs} ms for a take`);
      assert.equal(written.lines.length, 2, written.lines.join('\n'));
      assert.match(written.lines[0] ?? '', reason);
      assert.match(written.lines[1] ?? '', isBack);
    });
  }

  it('is tried again once a second at most', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server);
    proxy.delayMs = 10_000;
    const { written } = authorityAt(storeAt(proxy.port), { timeoutMs });
    const tries: number[] = [];
    const watching = async (): Promise<void> => {
      while (tries.length < 3) {
        if (proxy.accepted > tries.length) tries.push(performance.now());
        await turn();
      }
    };
    await within(30_000, watching(), () => `${tries.length} tries`);
    // A timer may come a millisecond early.
    for (const [index, at] of tries.slice(1).entries()) assert.ok(at - (tries[index] ?? 0) >= 999, String(tries));
    assert.equal(written.lines.length, 1, written.lines.join('\n'));
  });

  it('refuses all while it is away, where the policy says so', async () => {
    const server = await startRedis();
    const { authority: one, written } = authorityAt(server.address, { outage: 'refuse', timeoutMs });
    const { authority: other } = authorityAt(server.address);
    await within(30_000, granted(one), () => 'nothing is granted');
    await shared(one, other);
    await server.kill();
    await written.logged(/: requests that a limit is for are refused until it is back$/);
    assert.deepEqual(await take(one, never, 'a', 5), [-1, 1_000]);
    await server.restart();
    await written.logged(isBack);
    assert.deepEqual(await take(one, never, 'a', 5), [5, 0]);
  });

  it('is not waited for where it is away from the beginning', async () => {
    const address = storeAt(await freePort());
    const { authority, written } = authorityAt(address);
    assert.deepEqual(await take(authority, hourly, 'a', 60), [50, 72_000]);
    await written.logged(/fails \(connect ECONNREFUSED 127\.0\.0\.1:\d+\)/);
    assert.deepEqual(await take(authority, hourly, 'b', 1), [1, 0]);
  });

  const refusing: readonly (readonly [behaviour: string, flags: readonly string[], reason: RegExp])[] = [
    ['has no memory left', ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'], /OOM/],
    ['is a replica', ['--replicaof', '127.0.0.1', '1'], /READONLY|MASTERDOWN/],
    ['wants a password', ['--requirepass', 'secret'], /NOAUTH/],
  ];
  for (const [behaviour, flags, reason] of refusing) {
    it(`because it ${behaviour} stays away, although it answers`, async () => {
      const server = await startRedis(...flags);
      const proxy = await startProxy(server);
      const { authority, written } = authorityAt(storeAt(proxy.port));
      await written.logged(reason);
      const again = async (): Promise<void> => {
        while (proxy.accepted < 3) await turn();
      };
      await within(30_000, again(), () => 'it is not tried again');
      assert.deepEqual(await take(authority, never, 'a', 1), [1, 0]);
      assert.equal(written.lines.length, 1, written.lines.join('\n'));
    });
  }
});
