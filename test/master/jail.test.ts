import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Block, Jail, type JailRules } from '../../src/master/jail.ts';
import { ManualClock } from '../admit/manual-clock.ts';

const rules: JailRules = {
  jail: { maxScore: 100, decayMs: 60_000, blockMs: 600_000 },
  rateLimitStore: { maxKeys: 1000 },
};

let clock: ManualClock;
let told: (readonly Block[])[];
let lines: string[];
let jail: Jail;
beforeEach(() => start());

function start(changed: JailRules = rules): void {
  clock = new ManualClock();
  told = [];
  lines = [];
  const log = { limited: (_: string, text: string) => lines.push(text) };
  jail = new Jail(changed, clock, log, (blocks) => told.push(blocks));
}

function changed(changes: Partial<JailRules['jail']>, maxKeys = 1000): JailRules {
  return { jail: { ...rules.jail, ...changes }, rateLimitStore: { maxKeys } };
}

type Event = readonly [afterMs: number, points: number];

/** Points of one client, each so long after the one before, and whether it is blocked in the end. */
const scores: readonly (readonly [behaviour: string, events: readonly Event[], isBlocked: boolean])[] = [
  ['reaches the score at once', [[0, 100]], true],
  ['reaches it with many refusals', Array.from({ length: 10 }, (): Event => [0, 10]), true],
  ['stays below it', [[0, 99]], false],
  [
    'reaches it though some have gone back',
    [
      [0, 60],
      [6_000, 50],
    ],
    true,
  ],
  [
    'lost too much meanwhile',
    [
      [0, 60],
      [6_001, 50],
    ],
    false,
  ],
  [
    'lost all that it had, and no more',
    [
      [0, 60],
      [3_600_000, 99],
    ],
    false,
  ],
  ['is refused now and then', Array.from({ length: 100 }, (): Event => [6_000, 10]), false],
];

describe('a client', () => {
  for (const [behaviour, events, isBlocked] of scores) {
    it(`that ${behaviour} is ${isBlocked ? 'blocked' : 'not blocked'}`, () => {
      for (const [afterMs, points] of events) {
        clock.pass(afterMs);
        jail.note([['a', points]]);
      }
      assert.deepEqual(told, isBlocked ? [[['a', 600_000]]] : []);
    });
  }

  it('that is blocked makes one line, with its score', () => {
    jail.note([['2001:db8::/64', 120]]);
    assert.deepEqual(lines, ['Blocked 2001:db8::/64 for 600 s: 120 points of 100']);
  });

  it('gains nothing while it is blocked, and begins anew afterwards', () => {
    jail.note([['a', 100]]);
    clock.pass(599_999);
    jail.note([['a', 100]]);
    clock.pass(1);
    jail.note([['a', 99]]);
    assert.equal(told.length, 1);
    jail.note([['a', 1]]);
    assert.equal(told.length, 2);
  });

  it('is told to all edges together with the others of a report', () => {
    jail.note([
      ['a', 100],
      ['b', 10],
      ['c', 300],
    ]);
    assert.deepEqual(told, [
      [
        ['a', 600_000],
        ['c', 600_000],
      ],
    ]);
  });

  it('is blocked for an edge that comes later, for what is left', () => {
    jail.note([['a', 100]]);
    clock.pass(1000);
    jail.note([['b', 100]]);
    assert.deepEqual(jail.blocked, [
      ['a', 599_000],
      ['b', 600_000],
    ]);
    clock.pass(599_000);
    assert.deepEqual(jail.blocked, [['b', 1000]]);
  });
});

describe('scores', () => {
  it('of the client that was quiet for longest are forgotten where there are too many', () => {
    start(changed({}, 2));
    for (const client of ['a', 'b', 'c', 'a', 'c']) jail.note([[client, 60]]);
    assert.deepEqual(told, [[['c', 600_000]]]);
  });

  it('are not counted where the highest is 0', () => {
    start(changed({ maxScore: 0 }));
    jail.note([['a', 1_000_000]]);
    assert.deepEqual(told, []);
  });
});

describe('a reload', () => {
  it('frees everybody where nobody is to be blocked any more', () => {
    jail.note([
      ['a', 100],
      ['b', 99],
    ]);
    jail.adopt(changed({ maxScore: 0 }));
    assert.deepEqual(told[1], [['a', 0]]);
    assert.deepEqual(jail.blocked, []);
    jail.adopt(rules);
    jail.note([['b', 99]]);
    assert.equal(told.length, 2);
  });

  it('leaves blocks as they were spoken, and the next one is of the new length', () => {
    jail.note([['a', 100]]);
    jail.adopt(changed({ blockMs: 1000 }));
    jail.note([['b', 100]]);
    assert.deepEqual(jail.blocked, [
      ['a', 600_000],
      ['b', 1000],
    ]);
  });

  it('lets the scores go back by the old numbers until then, and by the new ones from then on', () => {
    jail.note([['a', 90]]);
    clock.pass(30_000);
    jail.adopt(changed({ maxScore: 50, decayMs: 50_000 }));
    clock.pass(10_000);
    jail.note([['a', 19.9]]);
    assert.deepEqual(told, []);
    jail.note([['a', 0.1]]);
    assert.equal(told.length, 1);
  });

  it('bounds scores and blocks at once', () => {
    jail.note([
      ['a', 100],
      ['b', 100],
      ['c', 60],
      ['d', 60],
    ]);
    jail.adopt(changed({}, 1));
    assert.deepEqual(jail.blocked, [['b', 600_000]]);
    jail.note([['d', 60]]);
    assert.equal(told.length, 2);
  });
});

describe('an operator', () => {
  it('blocks a client for a time, whatever the policy says of jails', () => {
    start(changed({ maxScore: 0 }));
    jail.block('192.0.2.7', 5_000);
    assert.deepEqual(told, [[['192.0.2.7', 5_000]]]);
    assert.deepEqual(jail.blocked, [['192.0.2.7', 5_000]]);
    clock.pass(5_000);
    assert.deepEqual(jail.blocked, []);
    assert.equal(jail.release('192.0.2.7'), false);
  });

  it('keeps blocking through reloads of a policy without a jail', () => {
    start(changed({ maxScore: 0 }));
    jail.block('192.0.2.7', 5_000);
    jail.adopt(changed({ maxScore: 0 }));
    assert.deepEqual(jail.blocked, [['192.0.2.7', 5_000]]);
  });

  it('blocks for another time who is blocked already', () => {
    jail.block('192.0.2.7', 5_000);
    jail.block('192.0.2.7', 60_000);
    assert.deepEqual(jail.blocked, [['192.0.2.7', 60_000]]);
    assert.deepEqual(told.at(-1), [['192.0.2.7', 60_000]]);
  });

  it('lets a client in again, whose score begins at nothing', () => {
    jail.note([['192.0.2.7', 100]]);
    assert.equal(jail.release('192.0.2.7'), true);
    assert.deepEqual(told.at(-1), [['192.0.2.7', 0]]);
    jail.note([['192.0.2.7', 99]]);
    assert.deepEqual(jail.blocked, []);
    assert.equal(jail.release('198.51.100.1'), false);
  });
});
