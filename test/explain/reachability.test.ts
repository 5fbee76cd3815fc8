import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parserContext } from '../../src/explain/parser-context.ts';
import { unreachable } from '../../src/explain/reachability.ts';

import { policyFrom } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { readCases } from '../support/cases.ts';

type Case = { readonly behaviour: string; readonly policy: object; readonly doubts: readonly string[] };

describe('a search for what no request can pass', () => {
  for (const { behaviour, policy, doubts } of readCases<Case>('./reachability.cases.json', import.meta.url)) {
    it(behaviour, () => {
      const inForce = putInForce(policyFrom(Buffer.from(JSON.stringify(policy)), 'site.json'));
      const found = unreachable(inForce, parserContext());
      assert.deepEqual(
        found.map(({ pointer, problem }) => `${pointer}: ${problem}`),
        doubts,
      );
      for (const { origin } of found) assert.match(origin, /^site\.json:\d+:\d+$/);
    });
  }
});
