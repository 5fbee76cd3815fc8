import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Grant, TokenLimit } from '../../src/admit/token-buckets.ts';
import { type StoreAddress, storeText } from '../../src/config/rate-limit-store.ts';
import { type LimitsOfPolicy, TokenAuthority } from '../../src/master/token-authority.ts';
import type { Take } from '../../src/process/control-messages.ts';
import { within } from '../support/deadline.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { LogLines } from '../support/log-lines.ts';
import { freePort, RedisServer, storeAt } from '../support/redis-server.ts';

/** Windows that do not end while a test runs. */
const hourly: TokenLimit = { name: 'hourly', requests: 50, perMs: 3_600_000, burst: 50, blockMs: 0 };
const never: TokenLimit = { name: 'never', requests: 1_000_000, perMs: 1_000, burst: 1_000_000, blockMs: 0 };
const blocking: TokenLimit = { name: 'blocking', requests: 1, perMs: 1_000, burst: 1, blockMs: 3_599_500 };

/** Of a store that works: a machine that is busy with other tests must not make an outage. */
const patientMs = 10_000;
/** Of one that fails. */
const timeoutMs = 500;

const fails = /^\[WARNING\] The rate-limit store at redis:\S+ fails \(/;
const isBack = /^\[INFO\] The rate-limit store at redis:\S+ is back after \d+\.\d s: limits are shared again$/;

type Behaviour = Partial<LimitsOfPolicy['rateLimitStore']>;
const ends: (() => unknown)[] = [];

function authorityAt(store: StoreAddress, behaviour: Behaviour = {}) {
  const written = new LogLines();
  const limits = {
    rateLimits: [hourly, never, blocking],
    rateLimitStore: { timeoutMs: patientMs, outage: 'local', maxKeys: 1_000, ...behaviour } as const,
  };
  const authority = new TokenAuthority(limits, store, written.log);
  ends.push(() => authority.close());
  return { authority, written, limits };
}

async function redis(...flags: readonly string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...flags);
  ends.push(() => server.stop());
  return server;
}

async function take(authority: TokenAuthority, limit: TokenLimit, key: string, tokens: number): Promise<Grant> {
  const [grant] = await authority.answer([[limit.name, key, tokens]]);
  return grant ?? assert.fail('no answer');
}

let probes = 0;
/** Until a take of one is seen by the other: then both count in the store. Their keys are used for nothing else. */
async function shared(one: TokenAuthority, other: TokenAuthority): Promise<void> {
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

/** Answers without a store are microtasks, and a loop of them alone would let nothing else happen. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sum(grants: readonly Grant[]): number {
  return grants.reduce((total, [granted]) => total + granted, 0);
}

describe('a rate-limit store', () => {
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  describe('that works', () => {
    it('grants two servers that ask at once exactly the burst', async () => {
      const server = await redis();
      const { authority: one } = authorityAt(server.address);
      const { authority: other } = authorityAt(server.address);
      await shared(one, other);
      const takes = Array.from({ length: 100 }, (): Take => ['hourly', 'exact', 1]);
      const answers = await Promise.all([one.answer(takes), other.answer(takes), one.answer(takes)]);
      assert.equal(sum(answers.flat()), hourly.burst);
      for (const [granted, retryMs] of answers.flat()) {
        assert.ok(granted === 1 ? retryMs === 0 : retryMs > 3_500_000 && retryMs <= 3_600_000, String(retryMs));
      }
    });

    it('grants two servers that lease no more than the burst, whatever the lease', async () => {
      const server = await redis();
      const { authority: one } = authorityAt(server.address);
      const { authority: other } = authorityAt(server.address);
      await shared(one, other);
      for (const lease of [3, 7, 60]) {
        const takes = Array.from({ length: 20 }, (): Take => ['hourly', `leased ${lease}`, lease]);
        const answers = await Promise.all([one.answer(takes), other.answer(takes)]);
        assert.equal(sum(answers.flat()), hourly.burst, `lease of ${lease}`);
      }
    });

    it('blocks for as long as the limit says, in whole seconds, from all servers', async () => {
      const server = await redis();
      const { authority: one } = authorityAt(server.address);
      const { authority: other } = authorityAt(server.address);
      await shared(one, other);
      assert.deepEqual(await take(one, blocking, 'a', 3), [1, 3_600_000]);
      const [granted, retryMs] = await take(other, blocking, 'a', 1);
      assert.equal(granted, 0);
      assert.ok(retryMs > 3_500_000, String(retryMs));
    });

    it('starts anew once a window has ended', async () => {
      const server = await redis();
      const { authority: one, limits } = authorityAt(server.address);
      const { authority: other } = authorityAt(server.address);
      await shared(one, other);
      const brief: TokenLimit = { name: 'brief', requests: 2, perMs: 1_000, burst: 2, blockMs: 0 };
      one.adopt({ ...limits, rateLimits: [brief] });
      const [granted, retryMs] = await take(one, brief, 'a', 3);
      assert.equal(granted, 2);
      assert.ok(retryMs > 0 && retryMs <= 1_000, String(retryMs));
      const again = async (): Promise<void> => {
        while ((await take(one, brief, 'a', 2))[0] < 2) await turn();
      };
      await within(30_000, again(), () => 'the window does not end');
    });

    it('has counters of its own for each definition of a limit', async () => {
      const server = await redis();
      const { authority: one, limits } = authorityAt(server.address);
      const { authority: other } = authorityAt(server.address);
      await shared(one, other);
      await take(one, hourly, 'a', 50);
      one.adopt({ ...limits, rateLimits: [{ ...hourly, burst: 60, requests: 60 }] });
      assert.deepEqual(await take(one, hourly, 'a', 60), [60, 0]);
      assert.equal((await take(other, hourly, 'a', 1))[0], 0);
    });

    it('answers takes above what may wait at once without the store, and says so', async () => {
      const server = await redis();
      const { authority: one, written } = authorityAt(server.address);
      const { authority: other } = authorityAt(server.address);
      await shared(one, other);
      server.pause();
      const takes = Array.from({ length: 513 }, (_, index): Take => ['never', `key ${index}`, 1]);
      const waiting = one.answer(takes.slice(0, 512));
      assert.deepEqual(await one.answer(takes.slice(512)), [[1, 0]]);
      server.resume();
      assert.equal(sum(await waiting), 512);
      assert.deepEqual(written.lines, [
        `[WARNING] More than 512 takes wait for the rate-limit store at ${storeText(server.address)}: others go without it`,
      ]);
    });
  });

  describe('that fails', () => {
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
        const server = await redis();
        const proxy = await FaultProxy.start(server.port);
        ends.push(() => proxy.stop());
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
      const server = await redis();
      const proxy = await FaultProxy.start(server.port);
      ends.push(() => proxy.stop());
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
      const server = await redis();
      const { authority: one, written } = authorityAt(server.address, { outage: 'refuse', timeoutMs });
      const { authority: other } = authorityAt(server.address);
      await within(30_000, granted(one), () => 'nothing is granted');
      await shared(one, other);
      await server.kill();
      await written.logged(/: requests that a limit is for are refused until it is back$/);
      assert.deepEqual(await take(one, never, 'a', 5), [0, 1_000]);
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
        const server = await redis(...flags);
        const proxy = await FaultProxy.start(server.port);
        ends.push(() => proxy.stop());
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

  it('gets its password, which no line of the log has', async () => {
    const server = await redis('--requirepass', 'open sesame');
    const { authority: one, written } = authorityAt(storeAt(server.port, 'open sesame'));
    const { authority: other, written: ofWrong } = authorityAt(storeAt(server.port, 'open barley'));
    await ofWrong.logged(/WRONGPASS/);
    const { authority: third } = authorityAt(storeAt(server.port, 'open sesame'));
    await shared(one, third);
    assert.deepEqual(await take(other, hourly, 'a', 1), [1, 0]);
    assert.deepEqual(written.lines, []);
    assert.doesNotMatch(ofWrong.lines.join('\n'), /barley/);
  });
});

async function granted(authority: TokenAuthority): Promise<void> {
  while ((await take(authority, never, 'first', 1))[0] === 0) await turn();
}
