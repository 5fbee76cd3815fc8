import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodePath } from '../../src/http1/request-target.ts';
import { comparePatterns, patternProblem, samplePath } from '../../src/inspect/path-pattern.ts';
import { PathTable } from '../../src/inspect/path-table.ts';
import { expand } from '../../src/rejection/example-bytes.ts';
import { readCases } from '../support/cases.ts';
import { verdict } from './inspect-cases.ts';

type PatternCase = { readonly behaviour: string; readonly pattern: string } & (
  | { readonly problem: string; readonly sample?: never }
  | { readonly sample: string; readonly problem?: never }
);

const inOrder = ['/a/b/*', '/a/*/c', '/a/*/', '/a/*/*', '/a/', '/a', '/a/*', '/b', '/*/a', '/*/*', '/', '/*'];
const segment = fc.oneof(
  fc.constant('*'),
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.string({ unit: 'binary', minLength: 1 }),
);
const pattern = fc
  .tuple(fc.array(segment), fc.constantFrom('', '/'))
  .map(([segments, end]) => `/${segments.join('/')}${end}`)
  .filter((pattern) => patternProblem(pattern) === undefined);

describe('patternProblem', () => {
  for (const row of readCases<PatternCase>('path-pattern.cases.json', import.meta.url)) {
    it(row.behaviour, () => {
      const pattern = expand(row.pattern);
      assert.equal(patternProblem(pattern), row.problem);
      if (row.sample !== undefined) assert.equal(samplePath(pattern), expand(row.sample));
    });
  }
});

describe('comparePatterns', () => {
  it('puts a literal before any segment before an end before the rest', () => {
    for (const [left, one] of inOrder.entries()) {
      for (const [right, other] of inOrder.entries()) {
        assert.equal(Math.sign(comparePatterns(one, other)), Math.sign(left - right), `${one} ${other}`);
      }
    }
  });

  it('is an order', () => {
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        assert.equal(Math.sign(comparePatterns(a, b)), -Math.sign(comparePatterns(b, a)) + 0);
        assert.equal(comparePatterns(a, b) === 0, a === b);
        const [first = '', second = '', third = ''] = [a, b, c].sort(comparePatterns);
        assert.ok(comparePatterns(first, second) <= 0 && comparePatterns(second, third) <= 0);
        assert.ok(comparePatterns(first, third) <= 0);
      }),
    );
  });
});

describe('samplePath', () => {
  it('is a path that a client may send, and that its pattern holds', () => {
    const lax = { dotSegments: 'reject', encodedSlash: 'decode' } as const;
    fc.assert(
      fc.property(pattern, (text) => {
        const sent = Buffer.from(samplePath(text), 'latin1');
        assert.equal(verdict(`GET ${samplePath(text)} HTTP/1.1\r\nHost: a\r\n\r\n`, lax), undefined);
        const decoded = new Uint8Array(sent.length);
        const end = decodePath(sent, 0, sent.length, decoded, 0);
        const table = new PathTable([{ pattern: text, value: text }]);
        assert.equal(
          table.find(decoded, 0, end, () => true, undefined),
          text,
        );
      }),
      { numRuns: 500 },
    );
  });
});
