import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fuzz, SEPARATOR } from '../../fuzz/response-head.fuzz.ts';

const names = fc.oneof(
  fc.constantFrom(
    'X',
    'Set-Cookie',
    'Date',
    'content-length',
    'Content-Length',
    'CONNECTION',
    'te',
    'Transfer-Encoding',
  ),
  fc.string({ minLength: 1, maxLength: 12 }),
);
const texts = fc.string({
  unit: fc.oneof({ weight: 30, arbitrary: fc.string() }, fc.constantFrom('\r', '\n', '\r\n\r\n', '\t', '\x7f', '\xff')),
  maxLength: 12,
});
const fields = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(names, texts) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('Content-Length'), fc.nat(20).map(String)) },
);
const statuses = fc.oneof(
  fc.constantFrom('200 OK', '204 No Content', '304 Not Modified', '404 ', '500 \xe9'),
  fc.tuple(fc.nat(700), texts).map(([status, reason]) => `${status} ${reason}`),
);
const heads = fc
  .tuple(statuses, fc.array(fields, { maxLength: 40 }))
  .map(([status, pairs]) => `${[status, ...pairs.flat()].join('\0')}\0`);
/** Now and then something that is no head. */
const blocks = fc.oneof(
  { weight: 9, arbitrary: heads },
  texts,
  fc.tuple(heads, texts).map(([head, text]) => head + text),
);
const responses = fc
  .tuple(fc.uint8Array({ minLength: 3, maxLength: 3 }), blocks)
  .map(([control, block]) => Buffer.concat([control, Buffer.from(block, 'latin1')]).toString('latin1'));

describe('any response head', () => {
  it('is refused in fixed words, or read by a client as it was meant', () => {
    fc.assert(
      fc.property(fc.array(responses, { minLength: 1, maxLength: 4 }), (connection) => {
        fuzz(Buffer.from(connection.join(SEPARATOR), 'latin1'));
      }),
      { numRuns: 4000 },
    );
  });
});
