import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FIRST_HASH, hashByte } from '../../src/inspect/fnv.ts';
import { comparePatterns } from '../../src/inspect/path-pattern.ts';
import { PathTable } from '../../src/inspect/path-table.ts';
import { readCases } from '../support/cases.ts';

type PathCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly patterns: readonly string[];
  /** One character a byte. */
  readonly path: string;
  /** In the order in which they are offered. */
  readonly found: readonly string[];
};

/** All patterns that are offered for a path, one after the other, when none is taken. */
function offered(patterns: readonly string[], path: string): string[] {
  const table = new PathTable(patterns.map((pattern) => ({ pattern, value: pattern })));
  const seen: string[] = [];
  const bytes = Buffer.from(`x${path}/x`, 'latin1');
  const found = table.find(bytes, 1, bytes.length - 2, (value, list) => list.push(value) < 0, seen);
  assert.equal(found, undefined);
  return seen;
}

/** What the table is meant to do, one pattern at a time. */
function holds(pattern: string, path: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const rest = escaped.endsWith('/*') ? escaped.slice(0, -2) : undefined;
  const body = (rest ?? escaped).replaceAll('*', '[^/]+');
  return new RegExp(rest === undefined ? `^${body}$` : `^${body}(/.*)?$`, 's').test(path.replace(/\/+/g, '/'));
}

/** Few segments, so that patterns and paths meet. */
const name = fc.constantFrom('a', 'b', 'ab', '.a', 'liquid', 'costarring');
const pattern = fc
  .tuple(fc.array(fc.oneof(name, fc.constant('*')), { maxLength: 5 }), fc.constantFrom('', '/'))
  .map(([segments, end]) => (segments.length === 0 ? '/' : `/${segments.join('/')}${end}`));
const path = fc
  .tuple(fc.array(fc.tuple(fc.constantFrom('/', '/', '//'), name)), fc.constantFrom('', '/', '//'))
  .map(([segments, end]) => segments.flat().join('') + end)
  .filter((text) => text !== '');

describe('PathTable', () => {
  for (const { behaviour, source, patterns, path, found } of readCases<PathCase>(
    'path-table.cases.json',
    import.meta.url,
  )) {
    it(`${behaviour} (${source})`, () => assert.deepEqual(offered(patterns, path), found));
  }

  it('gives the first value that is taken', () => {
    const table = new PathTable([
      { pattern: '/*', value: { name: 'all', methods: ['GET', 'PUT'] } },
      { pattern: '/a/*', value: { name: 'a', methods: ['GET'] } },
      { pattern: '/a/b', value: { name: 'b', methods: ['POST'] } },
    ]);
    const bytes = Buffer.from('/a/b');
    const takes = ({ methods }: { methods: string[] }, method: string) => methods.includes(method);
    const found = ['POST', 'GET', 'PUT', 'DELETE'].map((method) => table.find(bytes, 0, 4, takes, method)?.name);
    assert.deepEqual(found, ['b', 'a', 'all', undefined]);
  });

  it('tells segments with the same hash apart', () => {
    const colliding = ['costarring', 'liquid'] as const;
    const hashes = colliding.map((text) => Buffer.from(text).reduce(hashByte, FIRST_HASH));
    assert.equal(hashes[0], hashes[1]);
    assert.deepEqual(offered([`/${colliding[0]}`], `/${colliding[1]}`), []);
    for (const text of colliding) assert.deepEqual(offered(['/costarring', '/liquid'], `/${text}`), [`/${text}`]);
  });

  it('offers what each pattern by itself holds, in the order of comparePatterns', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 20 }), path, (patterns, text) => {
        const expected = patterns.filter((one) => holds(one, text)).sort(comparePatterns);
        assert.deepEqual(offered(patterns, text), expected);
      }),
      { numRuns: 5000 },
    );
  });

  it('offers each of 4096 patterns that hold one path once', () => {
    const depth = 12;
    const patterns = Array.from({ length: 2 ** depth }, (_, bits) =>
      Array.from({ length: depth }, (_, at) => ((bits >> at) & 1 ? '/a' : '/*'))
        .join('')
        .concat('/end'),
    );
    assert.deepEqual(offered(patterns, `${'/a'.repeat(depth)}/other`), []);
    assert.equal(offered(patterns, `${'/a'.repeat(depth)}/end`).length, patterns.length);
  });
});
