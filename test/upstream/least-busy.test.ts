import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leastBusy } from '../../src/upstream/least-busy.ts';

type Row = {
  readonly behaviour: string;
  /** Name, weight, requests that it has. */
  readonly servers: readonly (readonly [name: string, weight: number, inFlight: number])[];
  /** Who is chosen, one after the other. */
  readonly chosen: string;
  /** What was chosen stays with it. */
  readonly keeps?: true;
};

const rows: readonly Row[] = [
  { behaviour: 'nobody of none', servers: [], chosen: '-' },
  {
    behaviour: 'the one with fewer requests',
    servers: [
      ['a', 1, 3],
      ['b', 1, 2],
    ],
    chosen: 'bb',
  },
  {
    behaviour: 'the one with fewer for its weight',
    servers: [
      ['a', 3, 5],
      ['b', 1, 2],
    ],
    chosen: 'aa',
  },
  {
    behaviour: 'idle ones in turn',
    servers: [
      ['a', 1, 0],
      ['b', 1, 0],
      ['c', 1, 0],
    ],
    chosen: 'abcabc',
  },
  {
    behaviour: 'idle ones as their weights say',
    servers: [
      ['a', 3, 0],
      ['b', 1, 0],
    ],
    chosen: 'aabaaaba',
  },
  {
    behaviour: 'as the weights say where all keep what they get',
    servers: [
      ['a', 2, 0],
      ['b', 1, 0],
    ],
    chosen: 'ababaa',
    keeps: true,
  },
];

describe('who takes the next request:', () => {
  for (const { behaviour, servers, chosen, keeps = false } of rows) {
    it(behaviour, () => {
      const candidates = servers.map(([name, weight, inFlight]) => ({ name, weight, inFlight, turn: 0 }));
      const names = Array.from(chosen, () => {
        const server = leastBusy(candidates);
        if (server !== null && keeps) server.inFlight += 1;
        return server?.name ?? '-';
      });
      assert.equal(names.join(''), chosen);
    });
  }
});
