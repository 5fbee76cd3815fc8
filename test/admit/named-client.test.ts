import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namedClient } from '../../src/admit/named-client.ts';

const names: readonly (readonly [text: string, key: string | undefined])[] = [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::/64', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::/56', undefined],
  ['2001:db8:1:2::1/64', undefined],
  ['192.0.2.0/24', undefined],
  ['192.0.2.07', undefined],
  ['localhost', undefined],
  ['/', undefined],
  ['', undefined],
];

describe('a client that a person names', () => {
  for (const [text, key] of names) {
    it(`by ${JSON.stringify(text)} is ${key ?? 'nobody'}`, () => assert.equal(namedClient(text, 64), key));
  }
});
