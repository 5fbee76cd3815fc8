import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Grant, TokenBuckets, type TokenLimit } from '../../src/admit/token-buckets.ts';
import { readCases } from '../support/cases.ts';

type Take = readonly [key: string, tokens: number, now: number, granted: number, retryMs: number];
type BucketCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly limit: Omit<TokenLimit, 'name'>;
  readonly maxKeys?: number;
  readonly takes: readonly Take[];
  readonly forgotten?: number;
  readonly keys?: number;
};

/** Odd ones too: tokens that take no whole number of milliseconds, and several in one. */
const limits = fc.record({
  name: fc.constant('any'),
  requests: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(997, 1_000, 100_000)),
  perMs: fc.constantFrom(1_000, 1_001, 60_000, 86_400_000),
  burst: fc.integer({ min: 1, max: 40 }),
  blockMs: fc.constantFrom(0, 0, 1, 700, 60_000),
});
/** How long after the take before, and how much. */
const takes = fc.array(
  fc.record({
    after: fc.oneof(fc.nat(20), fc.nat(5_000), fc.nat(100_000_000)),
    tokens: fc.integer({ min: 1, max: 50 }),
  }),
  { maxLength: 40 },
);
/** A server that has just started, and one that runs for two years. */
const starts = fc.constantFrom(0, 1, 63_072_000_123);

describe('TokenBuckets', () => {
  for (const row of readCases<BucketCase>('token-buckets.cases.json', import.meta.url)) {
    it(`${row.behaviour} (${row.source})`, () => {
      const buckets = new TokenBuckets({ name: 'row', ...row.limit }, row.maxKeys ?? 10);
      const grants = row.takes.map(([key, tokens, now]): Take => [key, tokens, now, ...buckets.take(key, tokens, now)]);
      assert.deepEqual(grants, row.takes);
      assert.equal(buckets.forgotten, row.forgotten ?? 0);
      if (row.keys !== undefined) assert.equal(buckets.keys, row.keys);
    });
  }

  it('never grants more in a window than the burst and what the window brings', () => {
    fc.assert(
      fc.property(limits, starts, takes, (limit, start, sequence) => {
        const buckets = new TokenBuckets(limit, 1);
        let now = start;
        const granted = sequence.map(({ after, tokens }) => {
          now += after;
          return { now, tokens: buckets.take('key', tokens, now)[0] };
        });
        for (const [first, { now: from }] of granted.entries()) {
          let sum = 0;
          for (const { now: to, tokens } of granted.slice(first)) {
            sum += tokens;
            const most = limit.burst + ((to - from) * limit.requests) / limit.perMs;
            assert.ok(sum <= most + 1e-6, `${sum} tokens in ${to - from} ms, at most ${most}`);
          }
        }
      }),
    );
  });

  it('says to the millisecond when there is a token again', () => {
    fc.assert(
      fc.property(limits, starts, takes, (limit, start, sequence) => {
        let now = start;
        const done: (readonly [tokens: number, now: number])[] = [];
        /** The same takes, then one more: a take that gets nothing may begin a block, so each question has buckets of its own. */
        const afterThose = (at: number): Grant => {
          const buckets = new TokenBuckets(limit, 1);
          for (const [tokens, when] of done) buckets.take('key', tokens, when);
          return buckets.take('key', 1, at);
        };
        const buckets = new TokenBuckets(limit, 1);
        for (const { after, tokens } of sequence) {
          now += after;
          const [granted, retryMs] = buckets.take('key', tokens, now);
          done.push([tokens, now]);
          assert.equal(granted === tokens, retryMs === 0);
          if (retryMs === 0) continue;
          assert.equal(afterThose(now + retryMs - 1)[0], 0, 'one millisecond before');
          assert.deepEqual(afterThose(now + retryMs), [1, 0], 'at that time');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('begin a block only where there are fewer tokens than are needed', () => {
    const buckets = new TokenBuckets({ name: 'block', requests: 1, perMs: 1_000, burst: 4, blockMs: 60_000 }, 1);
    assert.deepEqual(buckets.take('a', 10, 0, 2), [4, 1_000]);
    assert.deepEqual(buckets.take('a', 10, 1_000, 1), [1, 1_000]);
    assert.deepEqual(buckets.take('a', 10, 1_500, 1), [0, 60_000]);
    assert.deepEqual(buckets.take('a', 1, 61_499), [0, 1]);
    assert.deepEqual(buckets.take('a', 4, 61_500), [4, 0]);
  });

  it('grants all that the time brings: no fraction is lost over a million takes', () => {
    const buckets = new TokenBuckets({ name: 'thirds', requests: 3, perMs: 1_000, burst: 2, blockMs: 0 }, 1);
    let granted = 0;
    for (let now = 0; now <= 1_000_000; now += 1) granted += buckets.take('key', 1, now)[0];
    assert.equal(granted, 2 + 3_000);
  });

  it('holds no more keys than it may, whatever comes', () => {
    const key = fc.nat(30).map((number) => `key ${number}`);
    fc.assert(
      fc.property(fc.nat(8), fc.array(fc.tuple(key, fc.nat(50)), { maxLength: 200 }), (more, sequence) => {
        const buckets = new TokenBuckets({ name: 'few', requests: 1, perMs: 1_000, burst: 2, blockMs: 0 }, more + 1);
        let now = 0;
        for (const [name, after] of sequence) {
          now += after;
          buckets.take(name, 1, now);
          assert.ok(buckets.keys <= more + 1);
        }
      }),
    );
  });

  it('lets go at once of keys that a smaller bound leaves no room for, the oldest first', () => {
    const buckets = new TokenBuckets({ name: 'bound', requests: 1, perMs: 1_000, burst: 1, blockMs: 0 }, 3);
    for (const key of ['first', 'second', 'third']) buckets.take(key, 1, 0);
    buckets.bound(1, 0);
    assert.deepEqual([buckets.keys, buckets.forgotten], [1, 2]);
    assert.deepEqual(buckets.take('third', 1, 0), [0, 1_000]);
  });
});
