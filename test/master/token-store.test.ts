import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Grant, TokenLimit } from '../../src/admit/token-buckets.ts';
import type { Take } from '../../src/admit/token-requests.ts';
import { storeText } from '../../src/config/rate-limit-store.ts';
import { within } from '../support/deadline.ts';
import { storeAt } from '../support/redis-server.ts';
import { authorityAt, blocking, hourly, shared, startRedis, take, turn } from './store-harness.ts';

function sum(grants: readonly Grant[]): number {
  return grants.reduce((total, [granted]) => total + granted, 0);
}

describe('a rate-limit store', () => {
  it('grants two servers that ask at once exactly the burst', async () => {
    const server = await startRedis();
    const { authority: one, written } = authorityAt(server.address);
    const { authority: other } = authorityAt(server.address);
    await shared(one, other);
    const takes = Array.from({ length: 100 }, (): Take => ['hourly', 'exact', 1]);
    const answers = await Promise.all([one.answer(takes), other.answer(takes), one.answer(takes)]);
    assert.equal(sum(answers.flat()), hourly.burst);
    // A limit that is reached is no failure of the store.
    assert.deepEqual(written.lines, []);
    for (const [granted, retryMs] of answers.flat()) {
      assert.ok(granted === 1 ? retryMs === 0 : retryMs > 3_500_000 && retryMs <= 3_600_000, String(retryMs));
    }
  });

  it('grants two servers that lease no more than the burst, whatever the lease', async () => {
    const server = await startRedis();
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
    const server = await startRedis();
    const { authority: one } = authorityAt(server.address);
    const { authority: other } = authorityAt(server.address);
    await shared(one, other);
    assert.deepEqual(await take(one, blocking, 'a', 3), [1, 3_600_000]);
    const [granted, retryMs] = await take(other, blocking, 'a', 1);
    assert.equal(granted, 0);
    assert.ok(retryMs > 3_500_000, String(retryMs));
  });

  it('starts anew once a window has ended', async () => {
    const server = await startRedis();
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
    const server = await startRedis();
    const { authority: one, limits } = authorityAt(server.address);
    const { authority: other } = authorityAt(server.address);
    await shared(one, other);
    await take(one, hourly, 'a', 50);
    one.adopt({ ...limits, rateLimits: [{ ...hourly, burst: 60, requests: 60 }] });
    assert.deepEqual(await take(one, hourly, 'a', 60), [60, 0]);
    assert.equal((await take(other, hourly, 'a', 1))[0], 0);
  });

  it('answers takes above what may wait at once without the store, and says so', async () => {
    const server = await startRedis();
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

  it('gets its password, which no line of the log has', async () => {
    const server = await startRedis('--requirepass', 'open sesame');
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
