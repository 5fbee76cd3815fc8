import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pace } from '../../src/connection/pace.ts';

const minRate = 500;
const graceMs = 10_000;

type Step = readonly [atMs: number, what: 'wait' | 'pause' | number];

const cases: readonly (readonly [behaviour: string, steps: readonly Step[], atMs: number, isBehind: boolean])[] = [
  ['nothing is too slow within the grace', [[0, 'wait']], 10_000, false],
  ['nothing at all is too slow once it is over', [[0, 'wait']], 10_100, true],
  ['bytes that dribble are too slow', [...dribble(1, 100, 200)], 20_000, true],
  ['the rate itself is fast enough', [...dribble(50, 100, 2000)], 200_000, false],
  ['a tenth less is not, in the end', [...dribble(45, 100, 2000)], 200_000, true],
  [
    'a burst is no credit for later',
    [
      [0, 'wait'],
      [100, 1_000_000],
    ],
    10_200,
    true,
  ],
  [
    'who has fallen behind catches up by being faster',
    [
      [0, 'wait'],
      [9_000, 4_500],
      [18_000, 1],
    ],
    18_500,
    false,
  ],
  [
    'time in which somebody else is waited for does not count',
    [
      [0, 'wait'],
      [5_000, 'pause'],
      [50_000, 'wait'],
    ],
    54_000,
    false,
  ],
  [
    'a pause resets nothing',
    [
      [0, 'wait'],
      [9_000, 'pause'],
      [50_000, 'wait'],
    ],
    51_100,
    true,
  ],
  [
    'bytes that move while nobody waits count for nothing',
    [
      [0, 1_000_000],
      [0, 'wait'],
    ],
    10_100,
    true,
  ],
];

function* dribble(bytes: number, everyMs: number, times: number): Generator<Step> {
  yield [0, 'wait'];
  for (let count = 1; count <= times; count++) yield [count * everyMs, bytes];
}

function after(steps: readonly Step[], atMs: number): Pace {
  const pace = new Pace();
  for (const [stepMs, what] of [...steps, [atMs, 'wait'] as const]) {
    if (what === 'wait') pace.wait(stepMs);
    else if (what === 'pause') pace.pause(stepMs);
    else pace.move(what, minRate, stepMs);
  }
  return pace;
}

describe('the pace of a client', () => {
  for (const [behaviour, steps, atMs, isBehind] of cases) {
    it(behaviour, () => assert.equal(after(steps, atMs).isBehind(minRate, graceMs), isBehind));
  }

  it('is never too slow where no rate is asked for', () => {
    assert.equal(after([[0, 'wait']], 1_000_000).isBehind(0, graceMs), false);
  });

  it('begins anew with a reset', () => {
    const pace = after([[0, 'wait']], 20_000);
    pace.reset();
    assert.equal(pace.isBehind(minRate, graceMs), false);
  });

  it('says what was measured against what', () => {
    assert.equal(
      after(
        [
          [0, 'wait'],
          [100, 42],
        ],
        20_000,
      ).describe(minRate),
      '42 bytes in 20000 ms, at least 500 a second are asked for',
    );
  });
});
