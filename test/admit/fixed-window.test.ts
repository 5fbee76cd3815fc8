import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type FixedWindow, fixedWindowOf, grantOf } from '../../src/admit/fixed-window.ts';
import type { TokenLimit } from '../../src/admit/token-buckets.ts';

type WindowCase = {
  readonly behaviour: string;
  readonly limit: Omit<TokenLimit, 'name'>;
  readonly window: FixedWindow;
};

const windows: readonly WindowCase[] = [
  {
    behaviour: 'lasts as long as a bucket takes to fill',
    limit: { requests: 100, perMs: 1_000, burst: 200, blockMs: 0 },
    window: { points: 200, seconds: 2, blockSeconds: 0 },
  },
  {
    behaviour: 'is stretched to a second, with its points',
    limit: { requests: 100, perMs: 1_000, burst: 5, blockMs: 0 },
    window: { points: 100, seconds: 1, blockSeconds: 0 },
  },
  {
    behaviour: 'is stretched to whole seconds, with its points',
    limit: { requests: 3, perMs: 1_000, burst: 4, blockMs: 0 },
    window: { points: 6, seconds: 2, blockSeconds: 0 },
  },
  {
    behaviour: 'has a block of at least a second',
    limit: { requests: 1, perMs: 1_000, burst: 1, blockMs: 1 },
    window: { points: 1, seconds: 1, blockSeconds: 1 },
  },
  {
    behaviour: 'lasts a day where a token does',
    limit: { requests: 1, perMs: 86_400_000, burst: 1, blockMs: 60_000 },
    window: { points: 1, seconds: 86_400, blockSeconds: 60 },
  },
];

describe('a fixed window', () => {
  for (const { behaviour, limit, window } of windows) {
    it(behaviour, () => assert.deepEqual(fixedWindowOf({ name: 'any', ...limit }), window));
  }

  it('has no rate above that of its limit, and room for its burst', () => {
    const limits = fc.record({
      name: fc.constant('any'),
      requests: fc.integer({ min: 1, max: 1_000_000 }),
      perMs: fc.integer({ min: 1_000, max: 86_400_000 }),
      burst: fc.integer({ min: 1, max: 1_000_000 }),
      blockMs: fc.nat(86_400_000),
    });
    fc.assert(
      fc.property(limits, (limit) => {
        const { points, seconds, blockSeconds } = fixedWindowOf(limit);
        assert.ok(points * limit.perMs <= seconds * 1_000 * limit.requests, `${points} in ${seconds} s`);
        assert.ok(points >= limit.burst, `${points} of ${limit.burst}`);
        assert.ok(Number.isInteger(points) && Number.isInteger(seconds) && seconds >= 1);
        assert.ok(Number.isInteger(blockSeconds) && blockSeconds * 1_000 >= limit.blockMs);
      }),
    );
  });

  it('grants its points and no more, however they are asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.integer({ min: 1, max: 60 })), (points, asked) => {
        const window = { points, seconds: 1, blockSeconds: 0 };
        let consumed = 0;
        let granted = 0;
        for (const tokens of asked) {
          consumed += tokens;
          const [grant, retryMs] = grantOf(window, tokens, consumed, 400);
          granted += grant;
          assert.equal(retryMs, grant < tokens ? 400 : 0);
        }
        assert.equal(granted, Math.min(points, consumed));
      }),
    );
  });

  it('never says that there is a token at once where there was none', () => {
    assert.deepEqual(grantOf({ points: 1, seconds: 1, blockSeconds: 0 }, 1, 2, 0), [0, 1]);
  });
});
