import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadPolicy, policyFrom } from '../../src/policy/load.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { type PolicyInForce, putInForce } from '../../src/policy/policy-in-force.ts';
import { rateLimitsById } from '../../src/policy/rate-limits.ts';

const perClient = { name: 'per-client', requests: 100, per: '1s' };
const login = { name: 'login', requests: 5, per: '1m', block: '10m' };

function policyOf(file: object): Policy {
  return policyFrom(Buffer.from(JSON.stringify(file)), 'site.json');
}

function namesOf(policy: PolicyInForce): readonly string[] {
  return [...policy.rateLimits.values()].map(({ name }) => name);
}

describe('the rate limits of a policy', () => {
  it('are none by default, and requests are not counted', () => {
    const policy = putInForce(loadPolicy(null));
    assert.equal(policy.general.rateLimits, null);
    assert.equal(policy.rateLimits.size, 0);
  });

  it('are those of its routes too, each once', () => {
    const routes = [
      { path: '/login', rateLimits: [perClient, login] },
      { path: '/free/*', rateLimits: [] },
      { path: '/more/*', request: { methods: ['GET'] } },
    ];
    assert.deepEqual(namesOf(putInForce(policyOf({ rateLimits: [perClient], routes }))), ['per-client', 'login']);
  });

  it('have the ids that requests are counted under', () => {
    const policy = putInForce(policyOf({ rateLimits: [perClient, login] }));
    assert.deepEqual(
      policy.general.rateLimits?.map(({ id }) => id),
      [...policy.rateLimits.keys()],
    );
  });

  it('are two where two places give one name to two', () => {
    const policy = policyOf({ rateLimits: [perClient] });
    const [route] = policyOf({ routes: [{ path: '/x', rateLimits: [{ ...perClient, requests: 1 }] }] }).routes;
    assert.ok(route !== undefined);
    assert.equal(rateLimitsById({ ...policy, routes: [route] }).size, 2);
  });
});
