import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parserContext } from '../../src/explain/parser-context.ts';
import { runTests } from '../../src/explain/policy-test.ts';

import { policyFrom } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { readCases } from '../support/cases.ts';

type Test = Parameters<typeof runTests>[0][number];
type Case = {
  readonly behaviour: string;
  readonly policy?: object;
  readonly test: Omit<Test, 'name'>;
  readonly problem: string | null;
};

describe('a test of a policy', () => {
  for (const { behaviour, policy = {}, test, problem } of readCases<Case>(
    './policy-test.cases.json',
    import.meta.url,
  )) {
    it(behaviour, () => {
      const inForce = putInForce(policyFrom(Buffer.from(JSON.stringify(policy)), 'site.json'));
      const name = 'a name';
      assert.deepEqual(runTests([{ name, ...test }], inForce, parserContext()), [{ name, problem }]);
    });
  }
});
