import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestQuota } from '../../src/worker/request-quota.ts';

describe('the requests that a worker may begin', () => {
  for (const { most, told } of [
    { most: 0, told: [] },
    { most: 1, told: [1] },
    { most: 3, told: [3] },
  ]) {
    it(`of ${most} tell at ${told.join() || 'none'}, once`, () => {
      const heard: number[] = [];
      let taken = 0;
      const quota = new RequestQuota(most, () => heard.push(taken));
      while (taken < 10) {
        taken += 1;
        quota.take();
      }
      assert.deepEqual(heard, told);
    });
  }
});
