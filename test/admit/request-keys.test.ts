import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { RequestKeys } from '../../src/admit/request-keys.ts';
import { bytesOf } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';
import { inForce } from './limits.ts';

type Case = {
  readonly behaviour: string;
  readonly key: string;
  readonly fields?: string;
  readonly client?: null;
  /** A value whose hash is the key, or the key itself. */
  readonly counts: { readonly value: string } | string | null;
};

const client = '192.0.2.7';

const cases: readonly Case[] = [
  { behaviour: 'by client', key: 'client', counts: client },
  { behaviour: 'not without a client', key: 'client', client: null, counts: null },
  { behaviour: 'all together', key: 'route', counts: '*' },
  { behaviour: 'all together, without a client too', key: 'route', client: null, counts: '*' },
  { behaviour: 'by the value of a field', key: 'header:x-key', fields: 'X-Key: secret', counts: { value: 'secret' } },
  {
    behaviour: 'by the value of a field without a client',
    key: 'header:x-key',
    fields: 'x-KEY:  secret ',
    client: null,
    counts: { value: 'secret' },
  },
  {
    behaviour: 'by all values of a repeated field, in their order',
    key: 'header:x-key',
    fields: 'X-Key: b\r\nX-Other: c\r\nX-Key: a',
    counts: { value: 'b, a' },
  },
  { behaviour: 'by an empty value', key: 'header:x-key', fields: 'X-Key:', counts: { value: '' } },
  { behaviour: 'by client where the field is missing', key: 'header:x-key', counts: client },
  { behaviour: 'by client where only a longer name came', key: 'header:x-key', fields: 'X-Key-2: a', counts: client },
  { behaviour: 'by client where only an underscore came', key: 'header:x-key', fields: 'X_Key: a', counts: client },
  { behaviour: 'not without field and client', key: 'header:x-key', client: null, counts: null },
  {
    behaviour: 'by a value too long to be remembered',
    key: 'header:x-key',
    fields: 'X-Key: {a*4000}',
    counts: { value: 'a'.repeat(4000) },
  },
  {
    behaviour: 'by bytes above ASCII',
    key: 'header:x-key',
    fields: 'X-Key: \u00e9\u00ff',
    counts: { value: '\u00e9\u00ff' },
  },
];

function sha256(value: string): string {
  return createHash('sha256').update(value, 'latin1').digest('hex').slice(0, 32);
}

describe('a request counts', () => {
  const keys = new RequestKeys();
  for (const { behaviour, key, fields = 'X-Other: a', client: named = client, counts } of cases) {
    it(behaviour, () => {
      const [limit] = inForce({ key });
      assert.ok(limit !== undefined);
      const expected = counts === null || typeof counts === 'string' ? counts : sha256(counts.value);
      withHead(bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`), (head) => {
        // The second time as it is remembered.
        for (let time = 0; time < 2; time++) assert.equal(keys.keyFor(limit, head, named), expected);
      });
    });
  }
});
