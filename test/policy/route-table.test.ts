import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { routesFor } from '../../fuzz/oracle/route-choice.ts';
import { requestsFor, routeOf } from '../../fuzz/routed-requests.ts';
import { Inspection, inspectForm } from '../../src/inspect/inspect.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';

type RouteCase = {
  readonly behaviour: string;
  readonly source: string;
  /** As a policy file has them. */
  readonly routes: readonly object[];
  readonly request: string;
  /** Name of the route, null: none. */
  readonly route: string | null;
};

const inspection = new Inspection();

function policyOf(routes: readonly object[]) {
  return policyFrom(Buffer.from(JSON.stringify({ routes })), 'site.json');
}

function routeFor({ routes, request }: RouteCase): string | null {
  const policy = policyOf(routes);
  const inForce = putInForce(policy);
  return withHead(bytesOf(request), (head) => {
    assert.equal(inspectForm(head, inspection), undefined);
    const { route } = inForce.for(head, inspection);
    return route === null ? null : (policy.routes[route]?.label ?? '');
  });
}

describe('a table of routes', () => {
  for (const row of readCases<RouteCase>('route-table.cases.json', import.meta.url)) {
    it(`${row.behaviour} (${row.source})`, () => assert.equal(routeFor(row), row.route));
  }

  it('gives the same whatever the order of the list', () => {
    for (const row of readCases<RouteCase>('route-table.cases.json', import.meta.url)) {
      assert.equal(routeFor({ ...row, routes: [...row.routes].reverse() }), row.route, row.behaviour);
    }
  });
});

describe('the route of a request', () => {
  const host = fc.constantFrom('a.b', '*.b', '*.a.b', 'x.a.b', 'b', '[::1]');
  const segment = fc.constantFrom('a', 'b', '*', 'x');
  const path = fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '/', '/*'))
    .map(([segments, ending]) => `/${segments.join('/')}${ending}`);
  const methods = fc.uniqueArray(fc.constantFrom('GET', 'HEAD', 'POST'), { minLength: 1, maxLength: 2 });
  const route = fc
    .record({ hosts: fc.uniqueArray(host, { minLength: 1, maxLength: 2 }), path, methods }, { requiredKeys: [] })
    .filter((keys) => Object.keys(keys).length > 0);

  it('is the one that a plain reading of all routes gives, or two of them are refused as alike', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(route, { minLength: 1, maxLength: 8 }), (routes) => {
        try {
          const policy = policyOf(routes);
          const inForce = putInForce(policy);
          accepted += 1;
          for (const request of requestsFor(policy.routes)) {
            const [first, second] = routesFor(policy.routes, request);
            const found = routeOf(request, inForce);
            if (found === undefined) continue;
            assert.equal(found, first?.index ?? null, JSON.stringify(request));
            assert.ok(first === undefined || first.rank !== second?.rank, JSON.stringify(request));
          }
        } catch (error) {
          if (!(error instanceof PolicyError)) throw error;
          assert.match(error.message, /no two routes alike/);
        }
      }),
      { numRuns: 150 },
    );
    assert.ok(accepted > 20, `${accepted} were accepted`);
  });
});
