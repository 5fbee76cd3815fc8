import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clientKey } from '../../src/admit/client-key.ts';
import { AddressSet } from '../../src/inspect/address-set.ts';
import { type ClientAddress, parseAddress } from '../../src/inspect/client-address.ts';
import { readCases } from '../support/cases.ts';

type Case = {
  readonly behaviour: string;
  readonly address: string;
  readonly prefix: number;
  readonly key: string;
};

const ipv6: fc.Arbitrary<ClientAddress> = fc
  .uint32Array({ minLength: 4, maxLength: 4 })
  .map((words): ClientAddress => ({ family: 'ipv6', words }));

describe('clientKey', () => {
  for (const { behaviour, address, prefix, key } of readCases<Case>('client-key.cases.json', import.meta.url)) {
    it(`names ${behaviour}`, () => {
      const parsed = parseAddress(address);
      assert.ok(parsed !== undefined);
      assert.equal(clientKey(parsed, prefix), key);
    });
  }

  it('is one for those that share the prefix, and for no others', () => {
    fc.assert(
      fc.property(ipv6, ipv6, fc.integer({ min: 1, max: 128 }), (first, second, prefix) => {
        const block = new AddressSet([clientKey(first, prefix)]);
        assert.ok(block.has(first));
        assert.equal(clientKey(first, prefix) === clientKey(second, prefix), block.has(second));
      }),
    );
  });
});
