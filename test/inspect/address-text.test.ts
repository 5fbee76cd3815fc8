import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addressText } from '../../src/inspect/address-text.ts';
import { parseAddress } from '../../src/inspect/client-address.ts';

/** What an address is called after it was read. */
const named = (text: string): string | undefined => {
  const address = parseAddress(text);
  return address && addressText(address);
};

describe('an address', () => {
  // biome-ignore format: a table
  const cases: readonly (readonly [behaviour: string, source: string, text: string, expected: string])[] = [
    ['of IPv4 is four numbers', 'RFC 6943 section 3.1.1', '192.0.2.255', '192.0.2.255'],
    ['that is mapped is one of IPv4', 'RFC 4291 section 2.5.5.2', '::FFFF:192.0.2.1', '192.0.2.1'],
    ['has lower-case letters and no leading zeros', 'RFC 5952 sections 4.1, 4.3', '2001:0DB8:0:1:1:1:1:000A', '2001:db8:0:1:1:1:1:a'],
    ['shortens the longest run of zeros', 'RFC 5952 section 4.2.3', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['shortens the first of two', 'RFC 5952 section 4.2.3', '2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['keeps a group of zeros alone', 'RFC 5952 section 4.2.2', '2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['may be all zeros', 'RFC 4291 section 2.5.2', '0:0:0:0:0:0:0:0', '::'],
    ['may begin with zeros', 'RFC 4291 section 2.5.3', '0:0:0:0:0:0:0:1', '::1'],
    ['may end with zeros', 'RFC 5952 section 4.2.1', '2001:db8:0:0:0:0:0:0', '2001:db8::'],
    ['has no zone', 'RFC 4007 section 11', 'fe80::1%eth0', 'fe80::1'],
  ];
  for (const [behaviour, source, text, expected] of cases) {
    it(`${behaviour} (${source})`, () => assert.equal(named(text), expected));
  }

  it('is read as itself again, and as URLs have it', () => {
    const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, (parts) => {
        const text = named(parts.map((part) => part.toString(16)).join(':')) ?? '';
        assert.equal(named(text), text);
        if (text.includes(':')) assert.equal(new URL(`http://[${text}]`).hostname, `[${text}]`);
      }),
      { numRuns: 5000 },
    );
  });
});
