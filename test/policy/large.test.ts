import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parserContext } from '../../src/explain/parser-context.ts';
import { unreachable } from '../../src/explain/reachability.ts';

import { parseAddress } from '../../src/inspect/client-address.ts';
import { Inspection, inspectForm } from '../../src/inspect/inspect.ts';
import { doubtsAbout } from '../../src/policy/coherence.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { withHead } from '../support/with-head.ts';

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

describe('a policy of a thousand routes, ten thousand hosts and ten thousand blocks', () => {
  const file = {
    request: { hosts: numbers(10_000).map((index) => `h${index}.example`) },
    clients: { deny: numbers(10_000).map((index) => `10.${index >> 8}.${index & 255}.0/25`) },
    routes: numbers(1000).map((index) => ({
      hosts: [`h${index}.example`],
      path: `/p${index}/*`,
      methods: ['POST'],
      request: { content: { maxBytes: 1000 + index } },
    })),
  };
  const policy = policyFrom(Buffer.from(JSON.stringify(file)), 'site.json');
  const inForce = putInForce(policy);

  it('has nothing that can hardly be meant, and no route that nobody can pass', () => {
    assert.deepEqual(doubtsAbout(inForce, 2 ** 50), []);
    assert.deepEqual(unreachable(inForce, parserContext()), []);
  });

  it('finds each route, and none for its neighbour', () => {
    const inspection = new Inspection();
    for (const index of numbers(1000)) {
      for (const [host, expected] of [
        [index, index],
        [index + 1, null],
      ] as const) {
        const bytes = Buffer.from(`POST /p${index}/x HTTP/1.1\r\nHost: h${host}.example\r\n\r\n`);
        const effective = withHead(bytes, (head) => {
          assert.equal(inspectForm(head, inspection), undefined);
          return inForce.for(head, inspection);
        });
        assert.equal(effective.route, expected);
        assert.equal(effective.request.contentBytes, expected === null ? 1_048_576 : 1000 + index);
      }
    }
  });

  it('denies each block and nobody between two of them, with one table for all routes', () => {
    const { general } = inForce;
    for (const index of numbers(10_000)) {
      const inside = parseAddress(`10.${index >> 8}.${index & 255}.127`);
      const outside = parseAddress(`10.${index >> 8}.${index & 255}.128`);
      assert.ok(inside !== undefined && outside !== undefined);
      assert.equal(general.deny?.has(inside), true);
      assert.equal(general.deny?.has(outside), false);
    }
    assert.equal(policy.origins['/routes/999/request/content/maxBytes']?.startsWith('site.json:1:'), true);
  });
});
