import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import { ClientCounts } from '../../src/accept/client-counts.ts';
import type { ClientCount } from '../../src/admit/client-key.ts';

describe('the connections of each client', () => {
  let told: (readonly ClientCount[])[];
  let counts: ClientCounts;
  beforeEach(() => {
    told = [];
    counts = new ClientCounts((changed) => told.push(changed));
  });

  it('are at most so many, those with other edges included', () => {
    for (let count = 0; count < 3; count++) assert.ok(counts.take('a', 3));
    assert.ok(!counts.take('a', 3));
    counts.giveBack('a');
    counts.learn([['a', 1]]);
    assert.ok(!counts.take('a', 3));
    assert.ok(counts.take('b', 3), 'another client has its own');
    counts.learn([['a', 0]]);
    assert.ok(counts.take('a', 3));
  });

  it('are too many by what others have let in meanwhile', () => {
    for (let count = 0; count < 3; count++) counts.take('a', 4);
    assert.equal(counts.excess('a', 4), 0);
    counts.learn([['a', 3]]);
    assert.equal(counts.excess('a', 4), 2);
  });

  it('are told where they have changed for longer than a moment', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    counts.take('a', 9);
    counts.take('a', 9);
    counts.take('short', 9);
    counts.giveBack('short');
    assert.deepEqual(told, []);
    test.mock.timers.tick(10);
    assert.deepEqual(told, [[['a', 2]]]);
    counts.giveBack('a');
    counts.take('a', 9);
    test.mock.timers.tick(10);
    assert.equal(told.length, 1);
    counts.excess('a', 9);
    test.mock.timers.tick(10);
    assert.deepEqual(told[1], [['a', 2]], 'the master counted some of them as closed');
    counts.giveBack('a');
    counts.giveBack('a');
    test.mock.timers.tick(10);
    assert.deepEqual(told.slice(2), [[['a', 0]]]);
    mock.reset();
  });
});
