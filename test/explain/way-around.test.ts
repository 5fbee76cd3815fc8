import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parserContext } from '../../src/explain/parser-context.ts';
import { waysAround } from '../../src/explain/way-around.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { readCases } from '../support/cases.ts';

/** Of a doubt the pointer, the request that gets around, and the route that it gets around. */
type Case = { readonly behaviour: string; readonly policy: object; readonly doubts: readonly string[][] };

describe('a search for ways around the addresses of a route', () => {
  for (const { behaviour, policy, doubts } of readCases<Case>('./way-around.cases.json', import.meta.url)) {
    it(behaviour, () => {
      const inForce = putInForce(policyFrom(Buffer.from(JSON.stringify(policy)), 'site.json'));
      const found = waysAround(inForce, parserContext());
      assert.deepEqual(
        found.map(({ pointer, problem }) => [
          pointer,
          ...(/^this route takes (.*) from everybody, though the route (.*) lists who/.exec(problem)?.slice(1) ?? [
            problem,
          ]),
        ]),
        doubts,
      );
      for (const { origin } of found) assert.match(origin, /^site\.json:\d+:\d+$/);
    });
  }
});
