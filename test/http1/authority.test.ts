import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hostEnd } from '../../src/http1/authority.ts';
import { expand } from '../../src/rejection/example-bytes.ts';
import { bytesOf, readCases } from '../support/cases.ts';

type AuthorityCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly authority: string;
  /** The part before the port; null: refused. */
  readonly host: string | null;
};

/** The host of an authority that stands between other bytes, or null. */
function hostOf(authority: Buffer): string | null {
  const bytes = Buffer.concat([Buffer.from('1:'), authority, Buffer.from(':80]')]);
  const end = hostEnd(bytes, 2, 2 + authority.length);
  return end < 0 ? null : bytes.toString('latin1', 2, end);
}

describe('an authority', () => {
  for (const { behaviour, source, authority, host } of readCases<AuthorityCase>(
    'authority.cases.json',
    import.meta.url,
  )) {
    it(`${behaviour} (${source})`, () => {
      assert.equal(hostOf(bytesOf(authority)), host === null ? null : expand(host));
    });
  }

  it('agrees with the system about IPv6 addresses', () => {
    const group = fc.stringMatching(/^[0-9a-f]{0,5}$/);
    const address = fc.oneof(
      fc.ipV6(),
      fc.array(group, { minLength: 1, maxLength: 10 }).map((groups) => groups.join(':')),
      fc.tuple(fc.array(group, { maxLength: 8 }), fc.ipV4()).map(([groups, last]) => [...groups, last].join(':')),
      fc.stringMatching(/^::([0-9]{1,3}\.){3}[0-9]{1,4}$/),
      fc.stringMatching(/^[0-9a-f:.]{0,12}$/),
    );
    fc.assert(
      fc.property(address, (text) => {
        assert.equal(hostOf(Buffer.from(`[${text}]`)) !== null, isIPv6(text), text);
      }),
      { numRuns: 5000 },
    );
  });
});
