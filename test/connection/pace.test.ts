import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pace } from '../../src/connection/pace.ts';

const minRate = 500;
const graceMs = 10_000;

type Step = readonly [atMs: number, what: 'wait' | 'pause' | number | { readonly held: number }];

const cases: readonly (readonly [behaviour: string, steps: readonly Step[], atMs: number, isBelow: boolean])[] = [
  ['nothing is too slow within the grace', [[0, 'wait']], 10_000, false],
  ['nothing at all is too slow once it is over', [[0, 'wait']], 10_100, true],
  ['bytes that dribble are too slow', [...dribble(1, 100, 200)], 20_000, true],
  ['the rate itself is fast enough', [...dribble(50, 100, 200)], 20_000, false],
  [
    'one byte less than the rate is not',
    [
      [0, 'wait'],
      [20_000, 9_999],
    ],
    20_000,
    true,
  ],
  [
    'a burst lasts for as long as its bytes do',
    [
      [0, 'wait'],
      [100, 15_000],
    ],
    30_000,
    false,
  ],
  [
    'and no longer',
    [
      [0, 'wait'],
      [100, 15_000],
    ],
    30_100,
    true,
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
  [
    'what is held on the way has not moved',
    [
      [0, 'wait'],
      [0, 4_000_000],
      [5_000, { held: 4_000_000 }],
      [15_100, { held: 3_995_000 }],
    ],
    15_100,
    true,
  ],
  [
    'what was held and is no more has moved',
    [
      [0, 'wait'],
      [0, 4_000_000],
      [5_000, { held: 4_000_000 }],
      [15_100, { held: 3_994_900 }],
    ],
    15_100,
    false,
  ],
  [
    'the average begins where what is held is measured first',
    [
      [0, 'wait'],
      [60_000, { held: 4_000_000 }],
    ],
    70_000,
    false,
  ],
  [
    'what moves behind what is held counts once',
    [
      [0, 'wait'],
      [5_000, { held: 4_000_000 }],
      [10_000, { held: 3_999_000 }],
      [10_000, 1_000],
      [16_000, { held: 4_000_000 }],
    ],
    16_000,
    true,
  ],
  [
    'and what is held is measured anew behind a pause',
    [
      [0, 'wait'],
      [5_000, { held: 1_000 }],
      [20_000, 'pause'],
      [20_000, 'wait'],
      [25_000, { held: 4_000_000 }],
    ],
    35_000,
    false,
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
    else if (typeof what === 'number') pace.move(what, stepMs);
    else pace.hold(what.held, stepMs);
  }
  return pace;
}

describe('the pace of a client', () => {
  for (const [behaviour, steps, atMs, isBelow] of cases) {
    it(behaviour, () => assert.equal(after(steps, atMs).isBelow(minRate, graceMs), isBelow));
  }

  it('is never too slow where no rate is asked for', () => {
    assert.equal(after([[0, 'wait']], 1_000_000).isBelow(0, graceMs), false);
  });

  it('begins anew with a reset', () => {
    const pace = after([[0, 'wait']], 20_000);
    pace.reset();
    assert.equal(pace.isBelow(minRate, graceMs), false);
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
