import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fieldId, fieldSet, identifyField, type KnownFieldName, OTHER } from '../../src/http1/known-field.ts';

const names: readonly KnownFieldName[] = [
  ...(['host', 'content-length', 'transfer-encoding', 'content-type', 'connection', 'expect', 'upgrade'] as const),
  ...(['cookie', 'authorization', 'user-agent', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'proxy'] as const),
  ...(['proxy-authenticate', 'proxy-authorization', 'http2-settings', 'forwarded', 'x-real-ip'] as const),
  'x-client-ip',
];

/** The field's number, found between other bytes. */
function identify(name: string): number {
  return identifyField(Buffer.from(`a:${name}:b`, 'latin1'), 2, 2 + name.length);
}

describe('a field name that means something to the edge', () => {
  for (const name of names) {
    it(`is told from all others, in any letter case: ${name}`, () => {
      const id = fieldId(name);
      assert.ok(id > OTHER && id < 32);
      assert.deepEqual([identify(name), identify(name.toUpperCase())], [id, id]);
      for (const other of [`${name}s`, `x${name}`, name.slice(1), name.slice(0, -1), name.replace(/.$/, '_')]) {
        assert.notEqual(identify(other), id, other);
      }
    });
  }

  it('stands for all names that begin with X-Forwarded-', () => {
    const id = fieldId('x-forwarded-');
    for (const name of ['X-Forwarded-For', 'x-forwarded-proto', 'X-FORWARDED-X', `x-forwarded-${'y'.repeat(300)}`]) {
      assert.equal(identify(name), id, name);
    }
    for (const name of ['X-Forwarded', 'X-Forwarded-', 'X_Forwarded-For', 'X-Forwarded_For', 'XX-Forwarded-For']) {
      assert.notEqual(identify(name), id, name);
    }
  });

  it('has a bit of its own in a set', () => {
    assert.equal(fieldSet('host', 'te'), (1 << fieldId('host')) | (1 << fieldId('te')));
    assert.equal(new Set(names.map(fieldId)).size, names.length);
  });

  it('is found as a table of lower-case names would find it, whatever the token', () => {
    const table = new Map<string, number>(names.map((name) => [name, fieldId(name)]));
    const token = fc.oneof(
      fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/),
      fc.constantFrom(...names).chain((name) => fc.mixedCase(fc.constant(name))),
      fc
        .tuple(fc.constantFrom(...names), fc.nat(), fc.stringMatching(/^[!#^_`|~0-9A-Za-z-]$/))
        .map(([name, at, byte]) => {
          const index = at % name.length;
          return name.slice(0, index) + byte + name.slice(index + 1);
        }),
    );
    fc.assert(
      fc.property(token, (name) => {
        const lower = name.toLowerCase();
        const forwarded = lower.startsWith('x-forwarded-') && lower.length > 12 ? fieldId('x-forwarded-') : OTHER;
        assert.equal(identify(name), table.get(lower) ?? forwarded);
      }),
      { numRuns: 5000 },
    );
  });
});
