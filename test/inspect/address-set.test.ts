import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AddressSet } from '../../src/inspect/address-set.ts';
import { type AddressFamily, type ClientAddress, parseAddress } from '../../src/inspect/client-address.ts';
import { readCases } from '../support/cases.ts';

type SetCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly blocks: readonly string[];
  readonly holds: readonly string[];
  readonly lacks: readonly string[];
  readonly coversAll?: readonly AddressFamily[];
};

function addressOf(text: string): ClientAddress {
  const address = parseAddress(text);
  assert.ok(address !== undefined, text);
  return address;
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Few of the bits vary, so that blocks and addresses meet. */
const ipv4 = fc
  .tuple(fc.constantFrom(0, 0x0a000000, 0x7fffff00, 0xffffff00), fc.nat(0x1ff))
  .map(([base, low]) => dotted((base + low) >>> 0));
const ipv6 = fc
  .tuple(fc.constantFrom('::', '2001:db8::', '2001:db8:0:1:', 'ffff:ffff:ffff:ffff:'), fc.nat(0x1f))
  .map(([base, low]) => (base.endsWith('::') ? `${base}${low.toString(16)}` : `${base}:${low.toString(16)}`));

describe('AddressSet', () => {
  for (const row of readCases<SetCase>('address-set.cases.json', import.meta.url)) {
    it(`${row.behaviour} (${row.source})`, () => {
      const set = new AddressSet(row.blocks);
      assert.deepEqual(
        row.holds.filter((text) => !set.has(addressOf(text))),
        [],
      );
      assert.deepEqual(
        row.lacks.filter((text) => set.has(addressOf(text))),
        [],
      );
      assert.deepEqual(
        (['ipv4', 'ipv6'] as const).filter((family) => set.coversAll(family)),
        row.coversAll ?? [],
      );
      assert.equal(set.isEmpty, row.blocks.length === 0);
    });
  }

  it('throws on a text that is no block', () => {
    assert.throws(() => new AddressSet(['10.0.0.0/8', 'example.com']), /no block of addresses: example\.com/);
  });

  for (const [family, address, longest] of [
    ['ipv4', ipv4, 32],
    ['ipv6', ipv6, 128],
  ] as const) {
    it(`holds what a BlockList of node:net holds: ${family}`, () => {
      const blocks = fc.array(
        fc.tuple(address, fc.oneof(fc.nat(longest), fc.integer({ min: longest - 9, max: longest }))),
      );
      fc.assert(
        fc.property(blocks, fc.array(address, { minLength: 1 }), (given, asked) => {
          const list = new BlockList();
          for (const [network, prefix] of given) list.addSubnet(network, prefix, family);
          const set = new AddressSet(given.map(([network, prefix]) => `${network}/${prefix}`));
          for (const text of asked) assert.equal(set.has(addressOf(text)), list.check(text, family), text);
        }),
        { numRuns: 1000 },
      );
    });
  }
});
