import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { BlockedClients } from '../../src/admit/blocked-clients.ts';
import { ManualClock } from './manual-clock.ts';

let clock: ManualClock;
let blocked: BlockedClients;
beforeEach(() => {
  clock = new ManualClock();
  blocked = new BlockedClients(3, clock);
});

function isBlocked(client: string): boolean {
  return blocked.refusalOf(client) !== null;
}

describe('a blocked client', () => {
  it('is refused, and told for how long, in whole seconds', () => {
    blocked.apply([['a', 60_000]]);
    clock.pass(500);
    assert.deepEqual(blocked.refusalOf('a'), {
      rule: 'client.blocked',
      status: 429,
      pointer: '/jail',
      detail: 'for another 60 s',
      fields: 'Retry-After: 60\r\n',
    });
    assert.equal(blocked.refusalOf('b'), null);
  });

  it('is free when its time is over, and forgotten', () => {
    blocked.apply([['a', 1000]]);
    clock.pass(999);
    assert.ok(isBlocked('a'));
    clock.pass(1);
    assert.ok(!isBlocked('a'));
    assert.equal(blocked.size, 0);
  });

  it('is free when the master says so', () => {
    blocked.apply([
      ['a', 1000],
      ['b', 1000],
    ]);
    blocked.apply([['a', 0]]);
    assert.ok(!isBlocked('a'));
    assert.ok(isBlocked('b'));
  });

  it('is blocked as long as the master said last', () => {
    blocked.apply([['a', 1000]]);
    blocked.apply([['a', 5000]]);
    clock.pass(4999);
    assert.ok(isBlocked('a'));
  });
});

describe('blocked clients', () => {
  it('that are over go when others come, though nobody asks for them', () => {
    blocked.apply([
      ['a', 1000],
      ['b', 1000],
    ]);
    clock.pass(1000);
    blocked.apply([['c', 1000]]);
    assert.equal(blocked.size, 1);
  });

  it('are no more than there may be: those who were blocked first go', () => {
    blocked.apply(['a', 'b', 'c', 'd'].map((client) => [client, 1000] as const));
    assert.deepEqual(['a', 'b', 'c', 'd'].map(isBlocked), [false, true, true, true]);
    blocked.adopt(1);
    assert.deepEqual(['b', 'c', 'd'].map(isBlocked), [false, false, true]);
  });
});
