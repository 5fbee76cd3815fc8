import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectsContinue } from '../../src/inspect/content.ts';
import { bytesOf } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';
import { inspectCases, testInspectCases } from './inspect-cases.ts';

describe('the checks of content', () => {
  testInspectCases('content.cases.json');

  for (const { behaviour, request, expectsContinue: expected } of inspectCases('content.cases.json')) {
    if (expected === undefined) continue;
    it(`${expected ? 'sends' : 'sends no'} 100 Continue where it ${behaviour}`, () => {
      assert.equal(withHead(bytesOf(request), expectsContinue), expected);
    });
  }
});
