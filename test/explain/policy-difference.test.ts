import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSame, policyDifference, type RouteChange, type ValueChange } from '../../src/explain/policy-difference.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { type PolicyInForce, putInForce } from '../../src/policy/policy-in-force.ts';
import { readCases } from '../support/cases.ts';

type Case = {
  readonly behaviour: string;
  readonly old: object;
  readonly new: object;
  readonly values: readonly string[];
  readonly routes: readonly string[];
};

const signs = { added: '+', removed: '-', changed: '~' } as const;

function policyOf(file: object, name: string): PolicyInForce {
  return putInForce(policyFrom(Buffer.from(JSON.stringify(file)), name));
}

function valueShown({ pointer, old, new: now, added, removed }: ValueChange): string {
  if (added.length + removed.length === 0) return `${pointer}: ${old?.text} -> ${now?.text}`;
  return `${pointer}: ${[...removed.map((text) => `- ${text}`), ...added.map((text) => `+ ${text}`)].join(' ')}`;
}

function routeShown({ change, label, oldLabel, values }: RouteChange): string {
  const was = oldLabel === null ? [] : [`was ${oldLabel}`];
  return `${signs[change]} ${label}: ${[...was, ...values.map(valueShown)].join(', ')}`;
}

describe('the difference of two policies', () => {
  for (const { behaviour, old, new: now, values, routes } of readCases<Case>(
    './policy-difference.cases.json',
    import.meta.url,
  )) {
    it(behaviour, () => {
      const difference = policyDifference(policyOf(old, 'old.json'), policyOf(now, 'new.json'));
      assert.deepEqual(difference.values.map(valueShown).sort(), [...values].sort());
      assert.deepEqual(difference.routes.map(routeShown), routes);
      assert.equal(isSame(difference), values.length + routes.length === 0);
    });
  }

  it('says where both values stand', () => {
    const { values } = policyDifference(policyOf({}, 'a.json'), policyOf({ queue: { max: 3 } }, 'b.json'));
    assert.deepEqual([values[0]?.old?.origin, values[0]?.new?.origin], ['default', 'b.json:1:11']);
  });

  it('is quick for many routes', () => {
    const routes = Array.from({ length: 5000 }, (_, index) => ({ path: `/${index}`, timeouts: { worker: 1 } }));
    const old = policyOf({ routes }, 'a.json');
    assert.ok(isSame(policyDifference(old, policyOf({ routes: [...routes].reverse() }, 'b.json'))));
  });
});
