import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parserContext } from '../../src/explain/parser-context.ts';
import { readRecordedRequests } from '../../src/explain/recorded-requests.ts';

import { verdictChanges } from '../../src/explain/verdict-change.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { type PolicyInForce, putInForce } from '../../src/policy/policy-in-force.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n';
const onlyB = { request: { hosts: ['b'] } };

type Case = {
  readonly behaviour: string;
  readonly old?: object;
  readonly new?: object;
  readonly request: string;
  readonly cut?: boolean;
  readonly client?: string;
  readonly changes: boolean;
};

const cases: readonly Case[] = [
  { behaviour: 'finds a request that is refused now', new: onlyB, request: get, changes: true },
  { behaviour: 'finds a request that is refused no more', old: onlyB, request: get, changes: true },
  {
    behaviour: 'finds a request that is observed now',
    new: { ...onlyB, mode: 'observe' },
    request: get,
    changes: true,
  },
  {
    behaviour: 'finds a request that another rule refuses',
    old: onlyB,
    new: { clients: { deny: ['192.0.2.0/24'] } },
    request: get,
    changes: true,
  },
  {
    behaviour: 'judges by the client that was recorded',
    new: { clients: { deny: ['192.0.2.0/24'] } },
    client: '198.51.100.1',
    request: get,
    changes: false,
  },
  { behaviour: 'takes another route for no change', new: { routes: [{ path: '/' }] }, request: get, changes: false },
  { behaviour: 'takes a cut request for no change', request: post, cut: true, changes: false },
  { behaviour: 'finds a cut request that is refused now', new: onlyB, request: post, cut: true, changes: true },
  { behaviour: 'finds a cut request that is refused no more', old: onlyB, request: post, cut: true, changes: true },
  { behaviour: 'takes what never was whole for no change', request: post, changes: false },
];

function inForce(file: object): PolicyInForce {
  return putInForce(policyFrom(Buffer.from(JSON.stringify(file)), 'site.json'));
}

describe('a comparison of verdicts', () => {
  for (const { behaviour, old = {}, new: now = {}, request, cut = false, client = '192.0.2.7', changes } of cases) {
    it(behaviour, () => {
      const recording = Buffer.from(JSON.stringify({ request, cut, client }));
      const { requests } = readRecordedRequests(recording, 'requests.jsonl');
      assert.equal([...verdictChanges(requests, inForce(old), inForce(now), parserContext())].length, changes ? 1 : 0);
    });
  }
});
