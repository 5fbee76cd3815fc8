import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AdmitLimit, limitId, limitsInForce } from '../../src/admit/limit-in-force.ts';
import { inForce, limitOf } from './limits.ts';

type LeaseCase = readonly [behaviour: string, limit: Partial<AdmitLimit>, leaseTokens: number];

const leases: readonly LeaseCase[] = [
  ['a sixteenth of the burst', { burst: 320 }, 20],
  ['one token, where the burst has fewer than two sixteenths', { burst: 31 }, 1],
  ['one token, where it is small', { burst: 1 }, 1],
  ['no less than a request takes', { burst: 320, cost: 50 }, 50],
  ['what a request takes, where the limit is exact', { burst: 320, cost: 3, accuracy: 'exact' }, 3],
];

type FieldCase = readonly [behaviour: string, limit: Partial<AdmitLimit>, value: string];

const fields: readonly FieldCase[] = [
  ['quota and seconds', { requests: 100, perMs: 1000 }, '"per-client";q=100;w=1'],
  ['an hour', { name: 'login', requests: 5, perMs: 3_600_000 }, '"login";q=5;w=3600'],
  ['a window of half seconds as one of whole ones', { requests: 100, perMs: 1500 }, '"per-client";q=133;w=2'],
];

describe('a limit in force', () => {
  for (const [behaviour, limit, leaseTokens] of leases) {
    it(`leases ${behaviour}`, () => assert.equal(inForce(limit)[0]?.leaseTokens, leaseTokens));
  }

  for (const [behaviour, limit, value] of fields) {
    it(`tells clients ${behaviour} (draft-ietf-httpapi-ratelimit-headers-10 section 2)`, () => {
      assert.equal(inForce(limit)[0]?.policyLine, `RateLimit-Policy: ${value}\r\n`);
    });
  }

  it('says what a request above it did', () => {
    assert.equal(inForce({ perMs: 60_000 })[0]?.excess, 'more than 100 per 60s (per-client)');
  });

  it('knows its field by its bytes', () => {
    const [limit] = inForce({ key: 'header:x-api-key' });
    assert.equal(limit?.keyedBy, 'header');
    assert.equal(Buffer.from(limit?.fieldName ?? []).toString(), 'x-api-key');
  });

  it('has an id of its own for each of its numbers', () => {
    const others: readonly Partial<AdmitLimit>[] = [
      ...[{ name: 'other' }, { key: 'route' }, { key: 'header:x' }, { requests: 1 }, { perMs: 1 }],
      ...[{ burst: 1 }, { blockMs: 1 }, { cost: 2 }],
    ];
    const ids = [{}, ...others].map((changes) => limitId(limitOf(changes)));
    assert.equal(new Set(ids).size, others.length + 1);
  });
});

describe('the limits of a route', () => {
  it('are none where none are declared', () => assert.equal(limitsInForce([]), null));

  it('are asked in their order, those that all clients share last', () => {
    const limits = [
      { name: 'all', key: 'route' },
      { name: 'key', key: 'header:x' },
      { name: 'more', key: 'route' },
      { name: 'client' },
    ];
    assert.deepEqual(
      inForce(...limits).map(({ name }) => name),
      ['key', 'client', 'all', 'more'],
    );
  });
});
