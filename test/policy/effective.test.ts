import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { effectivePolicy, withValues } from '../../src/policy/effective.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { PartialValues, PolicyValues } from '../../src/policy/policy.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import type { ObservableRule } from '../../src/rejection/rules.ts';

const shipped = loadPolicy(null);

function observedOf(values: PolicyValues): readonly string[] {
  return [...(effectivePolicy(null, values).observed ?? [])].sort();
}

const rule = 'content.too-large' satisfies ObservableRule;
type Said = { readonly mode?: 'enforce' | 'observe'; readonly rule?: 'enforce' | 'observe' };
/** What a policy and a route of it say about one rule, and whether it is observed there. */
const inheritances: readonly (readonly [policy: Said, route: Said, isObserved: boolean])[] = [
  [{}, {}, false],
  [{ mode: 'observe' }, {}, true],
  [{ rule: 'observe' }, {}, true],
  [{ mode: 'observe', rule: 'enforce' }, {}, false],
  [{ mode: 'observe' }, { mode: 'enforce' }, false],
  [{ rule: 'observe' }, { mode: 'enforce' }, false],
  [{ rule: 'enforce' }, { mode: 'observe' }, true],
  [{ mode: 'observe' }, { rule: 'enforce' }, false],
  [{ mode: 'enforce', rule: 'enforce' }, { rule: 'observe' }, true],
  [{}, { mode: 'observe', rule: 'enforce' }, false],
  [{}, { mode: 'enforce', rule: 'observe' }, true],
];

function partialOf({ mode, rule: ofRule }: Said): PartialValues {
  return { ...(mode && { mode }), ...(ofRule && { rules: { [rule]: ofRule } }) };
}

describe('the mode of a rule', () => {
  for (const [policy, route, isObserved] of inheritances) {
    it(`is ${isObserved ? 'observe' : 'enforce'} for ${JSON.stringify({ policy, route })}`, () => {
      const values = withValues(withValues(shipped, partialOf(policy)), partialOf(route));
      assert.equal(observedOf(values).includes(rule), isObserved);
    });
  }

  it('observes under mode observe what can be observed, and nothing else', () => {
    assert.deepEqual(observedOf({ ...shipped, mode: 'observe' }), [
      ...['client.denied', 'content.too-large', 'field.too-large', 'fields.too-many', 'host.not-allowed'],
      ...['method.not-allowed', 'rate.exceeded', 'request-line.too-long', 'target.forbidden'],
    ]);
  });

  it('leaves no set where nothing is observed', () => {
    assert.equal(effectivePolicy(null, shipped).observed, null);
  });
});

describe('a limit that is only observed', () => {
  it('is out of the way of the parser, up to the highest of its key; the request is still measured by it', () => {
    const { request, parserLimits, observed } = effectivePolicy(null, { ...shipped, mode: 'observe' });
    assert.equal(request, shipped.request);
    assert.ok(observed !== null);
    assert.deepEqual(parserLimits, {
      ...shipped.request,
      lineBytes: 65_536,
      fieldCount: 32_768,
      fieldBytes: shipped.request.totalFieldBytes,
      contentBytes: 2 ** 40,
    });
  });

  it('changes no other limit', () => {
    const values = { ...shipped, rules: { 'request-line.too-long': 'observe' } as const };
    assert.deepEqual(effectivePolicy(null, values).parserLimits, { ...shipped.request, lineBytes: 65_536 });
  });

  it('is that of the route alone', () => {
    const route = { label: 'a', hosts: null, path: '/a', methods: null, values: { mode: 'observe' } as const };
    const { general, headLimits } = putInForce({ ...shipped, routes: [route] });
    assert.equal(general.observed, null);
    assert.equal(general.parserLimits.contentBytes, shipped.request.contentBytes);
    assert.equal(headLimits.lineBytes, 65_536);
    assert.ok(general.checksHeadLimits);
  });
});

describe('the limits of a head before its route is known', () => {
  const withRoute = (request: object) =>
    putInForce({ ...shipped, routes: [{ label: 'a', hosts: null, path: '/a', methods: null, values: { request } }] });

  it('are each the highest of all routes', () => {
    const { headLimits, general } = withRoute({ lineBytes: 9000, fieldCount: 3 });
    assert.equal(headLimits.lineBytes, 9000);
    assert.equal(headLimits.fieldCount, shipped.request.fieldCount);
    assert.ok(general.checksHeadLimits);
  });

  it('cost nothing where all are alike', () => {
    const { general } = withRoute({ contentBytes: 1 });
    assert.ok(!general.checksHeadLimits);
    assert.ok(!putInForce(shipped).general.checksHeadLimits);
  });
});

describe('the values of a route', () => {
  it('stand in place of those of the policy, one by one', () => {
    const values = withValues(shipped, {
      request: { contentBytes: 7 },
      timeouts: { workerMs: 8 },
      keepAlive: { maxRequests: 9 },
      clients: { deny: ['192.0.2.1'] },
    });
    assert.deepEqual(values.request, { ...shipped.request, contentBytes: 7 });
    assert.deepEqual(values.timeouts, { ...shipped.timeouts, workerMs: 8 });
    assert.deepEqual(values.keepAlive, { ...shipped.keepAlive, maxRequests: 9 });
    assert.deepEqual(values.clients, { allow: [], deny: ['192.0.2.1'] });
  });

  it('keep the parts and the tables that the route leaves alone', () => {
    const policy = { ...shipped, clients: { allow: ['192.0.2.0/24'], deny: [] } };
    const base = effectivePolicy(null, policy);
    const values = withValues(policy, { timeouts: { workerMs: 8 } });
    const effective = effectivePolicy(0, values, base);
    assert.equal(values.request, policy.request);
    assert.equal(effective.allow, base.allow);
    assert.equal(effective.values.clients, policy.clients);
  });
});
