import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusal } from '../../src/connection/refusal.ts';
import { type Rejection, reject } from '../../src/rejection/rejection.ts';

const date = Buffer.from('Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n');

type Case = readonly [behaviour: string, rejection: Rejection, fields: readonly string[]];

/** The field lines beside those that every refusal has. */
const cases: readonly Case[] = [
  ['none that its status does not ask for', reject('target.malformed', 'why'), []],
  ['the methods of the route (RFC 9110 section 15.5.6)', reject('method.not-allowed', 'why'), ['Allow: GET, HEAD']],
  ['when to come again (RFC 9110 section 10.2.3)', reject('overload.queue', 'why'), ['Retry-After: 1']],
  [
    'those of the rejection, in the place of any other',
    reject('overload.queue', 'why', 'Retry-After: 60\r\nX: y\r\n'),
    ['Retry-After: 60', 'X: y'],
  ],
];

const common = /^(Date|Content-Type|Content-Length|Connection|X-Content-Type-Options|Cache-Control): /;

describe('the response to a refused request has', () => {
  for (const [behaviour, rejection, fields] of cases) {
    it(behaviour, () => {
      const text = refusal(rejection, ['GET', 'HEAD'], date, true, false).toString('latin1');
      const [head = ''] = text.split('\r\n\r\n');
      assert.deepEqual(
        head
          .split('\r\n')
          .slice(1)
          .filter((line) => !common.test(line)),
        fields,
      );
    });
  }
});
