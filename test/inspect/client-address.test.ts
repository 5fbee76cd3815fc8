import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ClientAddress, parseAddress, parseBlock } from '../../src/inspect/client-address.ts';
import { readCases } from '../support/cases.ts';

type AddressCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly text: string;
  /** In hexadecimal; left out where the text is no address. */
  readonly words?: readonly string[];
};

type BlockCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly text: string;
  /** Its first address and prefix length; left out where the text is no block. */
  readonly block?: string;
  readonly hasHostBits?: true;
};

function hexWords(address: ClientAddress | undefined): string[] | undefined {
  return address && Array.from(address.words, (word) => word.toString(16).padStart(8, '0'));
}

describe('parseAddress', () => {
  for (const { behaviour, source, text, words } of readCases<AddressCase>(
    'client-address.cases.json',
    import.meta.url,
  )) {
    it(`${behaviour} (${source})`, () => {
      const address = parseAddress(text);
      assert.deepEqual(hexWords(address), words);
      assert.equal(address?.family, words && (words.length === 1 ? 'ipv4' : 'ipv6'));
    });
  }

  it('takes what node:net takes, and nothing else', () => {
    const pieces = [
      '1',
      '0',
      'ffff',
      '255',
      '256',
      '01',
      'g',
      '00000',
      '192.0.2.1',
      ':',
      ':',
      ':',
      '::',
      '.',
      '%',
      '%x',
    ];
    const likeAddresses = fc.array(fc.constantFrom(...pieces), { maxLength: 18 }).map((parts) => parts.join(''));
    const text = fc.oneof(fc.ipV4(), fc.ipV6(), likeAddresses, fc.string());
    fc.assert(
      fc.property(text, (candidate) => {
        // Node wants a zone to be of letters, digits and a few more; ours is never looked at.
        const [address, ...zone] = candidate.split('%');
        const expected = zone.length === 0 ? isIP(candidate) !== 0 : isIP(address ?? '') === 6 && zone.join('%') !== '';
        assert.equal(parseAddress(candidate) !== undefined, expected);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('parseBlock', () => {
  for (const { behaviour, source, text, block, hasHostBits } of readCases<BlockCase>(
    'address-block.cases.json',
    import.meta.url,
  )) {
    it(`${behaviour} (${source})`, () => {
      const parsed = parseBlock(text);
      const written = parsed && `${hexWords(parsed.first)?.join(':')}/${parsed.prefixLength}`;
      assert.equal(written, block);
      assert.equal(parsed?.hasHostBits ?? false, hasHostBits ?? false);
    });
  }
});
