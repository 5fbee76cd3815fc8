import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EnvironDecoder } from '../../src/worker/decode-environ.ts';
import { environBlock } from './environ-block.ts';

const latin1 = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ min: 1, minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
/** Few different keys, so that sequences share beginnings; some too long to be remembered. */
const keys = fc.oneof(
  fc.constantFrom('REQUEST_METHOD', 'PATH_INFO', 'HTTP_HOST', 'HTTP_HOS', 'HTTP_HOST_', 'wsgi.url_scheme'),
  latin1(1, 5).filter((key) => key !== '__proto__'),
  latin1(60, 70),
);
const environs = fc.array(fc.tuple(keys, latin1(0, 40)), { maxLength: 12 }).map((pairs) => Object.fromEntries(pairs));

describe('the environ decoder', () => {
  it('gives back what was encoded, whatever it read before', () => {
    fc.assert(
      fc.property(fc.array(environs, { maxLength: 6 }), (sent) => {
        const decoder = new EnvironDecoder({});
        // Often: what is seen often is made in another way.
        for (const environ of Array.from({ length: 40 }, () => sent).flat()) {
          const block = environBlock(environ);
          const within = Buffer.concat([Buffer.from('before\0'), block, Buffer.from('after\0')]);
          assert.deepEqual(decoder.decode(within, 7, 7 + block.length), environ);
        }
      }),
    );
  });

  it('makes plain objects of their own, with the constants in them', () => {
    const decoder = new EnvironDecoder({ 'wsgi.run_once': false });
    const block = environBlock({ PATH_INFO: '/' });
    const [first, second] = [decoder.decode(block, 0, block.length), decoder.decode(block, 0, block.length)];
    assert.ok(first !== null && Object.getPrototypeOf(first) === Object.prototype);
    assert.deepEqual(first, { 'wsgi.run_once': false, PATH_INFO: '/' });
    Object.assign(first, { PATH_INFO: 'changed', NEW: 'added' });
    assert.deepEqual(second, { 'wsgi.run_once': false, PATH_INFO: '/' });
    assert.deepEqual(decoder.decode(block, 0, block.length), second);
  });

  const malformed = ['A', 'A\0', 'A\0b', 'A\0b\0C\0', 'A\0b\0C', '\0', `${'K'.repeat(99)}\0`, `${'K'.repeat(99)}\0v`];
  for (const block of malformed) {
    it(`refuses ${JSON.stringify(block).slice(0, 20)}, known keys or not`, () => {
      const decoder = new EnvironDecoder({});
      const known = Buffer.from('A\0b\0C\0d\0');
      assert.equal(decoder.decode(Buffer.from(block), 0, block.length), null);
      assert.deepEqual(decoder.decode(known, 0, known.length), { A: 'b', C: 'd' });
      assert.equal(decoder.decode(Buffer.from(block), 0, block.length), null);
    });
  }

  it('reads nothing beyond the block', () => {
    const decoder = new EnvironDecoder({});
    const bytes = Buffer.from('KEY\0value\0');
    assert.deepEqual(decoder.decode(bytes, 0, bytes.length), { KEY: 'value' });
    assert.equal(decoder.decode(bytes, 0, 3), null);
  });

  it('reads the environs of clients that invent keys without end', () => {
    const decoder = new EnvironDecoder({});
    for (let round = 0; round < 10_000; round++) {
      const environ = { HTTP_HOST: 'a', [`HTTP_${round % 37}`]: 'b', [`HTTP_X_${round}`]: String(round) };
      const block = environBlock(environ);
      assert.deepEqual(decoder.decode(block, 0, block.length), environ);
    }
  });
});
