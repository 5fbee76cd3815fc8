import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAfter, nextRequestId, previousRequestId } from '../../src/link/request-id.ts';

const max = 0xffffffff;
const cases = [
  { id: 2, other: 1, after: true },
  { id: 1, other: 2, after: false },
  { id: 1, other: 1, after: false },
  { id: 0, other: max, after: true },
  { id: max, other: 0, after: false },
  { id: 5, other: max - 5, after: true },
  { id: 0x7fffffff, other: 0, after: true },
  { id: 0x80000001, other: 0, after: false },
];

describe('request ids', () => {
  for (const { id, other, after } of cases) {
    it(`${id} comes ${after ? 'after' : 'not after'} ${other}`, () => {
      assert.equal(isAfter(id, other), after);
    });
  }

  it('wrap around', () => {
    assert.equal(nextRequestId(max), 0);
    assert.equal(previousRequestId(0), max);
    assert.equal(previousRequestId(nextRequestId(7)), 7);
  });
});
