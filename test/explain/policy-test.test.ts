import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parserContext } from '../../src/explain/parser-context.ts';
import { maxBytesOfTests, runTests } from '../../src/explain/policy-test.ts';
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

  it('fails where those before it have taken all the bytes that there are for tests', () => {
    const inForce = putInForce(policyFrom(Buffer.from('{}'), 'site.json'));
    const least = 'GET /{a*2000} HTTP/1.1\r\nHost: a\r\n\r\n';
    const most = `POST / HTTP/1.1\r\nHost: a\r\n\r\n{a*${2 ** 22 - 1000}}`;
    const test = (request: string) => ({ name: 'a name', request, expect: {} });
    const fitting = Array.from({ length: maxBytesOfTests / 2 ** 22 }, () => test(most));
    const problems = runTests([...fitting, ...Array(20).fill(test(least))], inForce, parserContext()).map(
      ({ problem }) => problem,
    );
    assert.equal(
      problems.findIndex((problem) => problem !== null),
      fitting.length + 7,
    );
    assert.equal(problems.at(-1), 'expected at most 67108864 bytes in the requests of all tests together');
  });
});
