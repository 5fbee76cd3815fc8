import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TokenLimit } from '../../src/admit/token-buckets.ts';
import { type LimitsOfPolicy, TokenAuthority } from '../../src/master/token-authority.ts';
import { LogLines } from '../support/log-lines.ts';

const slow: TokenLimit = { name: 'slow', requests: 1, perMs: 60_000, burst: 2, blockMs: 0 };
const fast: TokenLimit = { name: 'fast', requests: 1_000, perMs: 1_000, burst: 5, blockMs: 0 };

function limits(...rateLimits: readonly TokenLimit[]): LimitsOfPolicy {
  return { rateLimits, rateLimitStore: { timeoutMs: 100, outage: 'local', maxKeys: 3 } };
}

describe('the token authority without a store', () => {
  it('answers takes in their order, each limit and key by itself', async () => {
    const authority = new TokenAuthority(limits(slow, fast), null, new LogLines().log, () => 7.9);
    const answers = await authority.answer([
      ['slow', 'a', 1],
      ['fast', 'a', 9],
      ['slow', 'a', 2],
      ['slow', 'b', 2],
    ]);
    assert.deepEqual(answers, [
      [1, 0],
      [5, 1],
      [1, 60_000],
      [2, 0],
    ]);
  });

  it('grants in full what a limit is asked for that the policy does not have any more', async () => {
    const authority = new TokenAuthority(limits(slow), null, new LogLines().log);
    authority.adopt(limits(fast));
    assert.deepEqual(await authority.answer([['slow', 'a', 1_000]]), [[1_000, 0]]);
  });

  const reloads: readonly (readonly [behaviour: string, limit: TokenLimit, left: number])[] = [
    ['keeps what is left where a limit stays', { ...slow }, 0],
    ['starts anew where a limit has another burst', { ...slow, burst: 3 }, 3],
    ['starts anew where a limit has another rate', { ...slow, requests: 2 }, 2],
    ['starts anew where a limit has another block', { ...slow, blockMs: 1_000 }, 2],
  ];
  for (const [behaviour, limit, left] of reloads) {
    it(`at a reload ${behaviour}`, async () => {
      const authority = new TokenAuthority(limits(slow), null, new LogLines().log, () => 0);
      await authority.answer([['slow', 'a', 2]]);
      authority.adopt(limits(fast, limit));
      const [answer] = await authority.answer([['slow', 'a', 9]]);
      assert.equal(answer?.[0], left);
    });
  }

  it('says once that a limit has more keys than there is room for, and again after a reload', async () => {
    const { log, lines } = new LogLines();
    const authority = new TokenAuthority(limits(slow), null, log, () => 0);
    const crowd = ['a', 'b', 'c', 'd', 'e'].map((key) => ['slow', key, 1] as const);
    await authority.answer(crowd.slice(0, 3));
    assert.deepEqual(lines, []);
    await authority.answer(crowd);
    const line = '[WARNING] Rate limit slow has more than 3 keys: those not seen for longest start anew';
    assert.deepEqual(lines, [line]);
    authority.adopt(limits(slow));
    await authority.answer(crowd);
    assert.deepEqual(lines, [line, line]);
  });
});
