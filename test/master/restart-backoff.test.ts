import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRestartBackoff } from '../../src/master/restart-backoff.ts';

const pace = { firstWaitMs: 100, longestWaitMs: 5_000, stableMs: 10_000 };

const cases = [
  { behaviour: 'restarts at once after one crash', lives: [5], waits: [0] },
  {
    behaviour: 'doubles the wait for a child that dies young, up to a bound',
    lives: [5, 5, 5, 5, 5, 5, 5, 5, 5, 5],
    waits: [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000],
  },
  {
    behaviour: 'starts to count again after a life that was long enough',
    lives: [5, 5, 5, 10_000, 5, 5],
    waits: [0, 100, 200, 0, 100, 200],
  },
  { behaviour: 'never waits where every child lived long', lives: [60_000, 60_000, 60_000], waits: [0, 0, 0] },
  { behaviour: 'counts a life that was almost long enough as short', lives: [9_999, 9_999], waits: [0, 100] },
];

describe('restart back-off', () => {
  for (const { behaviour, lives, waits } of cases) {
    it(behaviour, () => {
      const backoff = createRestartBackoff(pace);
      assert.deepEqual(
        lives.map((livedMs) => backoff.waitAfter(livedMs)),
        waits,
      );
    });
  }

  it('stays at its bound for ever', () => {
    const backoff = createRestartBackoff(pace);
    for (let death = 0; death < 5_000; death += 1) backoff.waitAfter(1);
    assert.equal(backoff.waitAfter(1), 5_000);
  });
});
