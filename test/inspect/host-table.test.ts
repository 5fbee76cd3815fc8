import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hostEnd } from '../../src/http1/authority.ts';
import { fieldId } from '../../src/http1/known-field.ts';
import { FIRST_HASH, hashByte } from '../../src/inspect/fnv.ts';
import { type HostEntry, HostTable } from '../../src/inspect/host-table.ts';
import { readCases } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';

type HostCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly patterns: readonly string[];
  readonly host: string;
  /** The entry that is found, and those behind it. */
  readonly found: readonly string[];
};

function tableOf(patterns: readonly string[]): HostTable<string> {
  return new HostTable(patterns.map((pattern) => ({ pattern, value: `for ${pattern}` })));
}

/** Between other bytes, as in a head. */
function find<Value>(table: HostTable<Value>, host: string): HostEntry<Value> | undefined {
  const bytes = Buffer.from(`a.${host}.b`, 'latin1');
  return table.find(bytes, 2, bytes.length - 2);
}

function chain(first: HostEntry<unknown> | undefined): string[] {
  const patterns: string[] = [];
  for (let entry = first; entry !== undefined; entry = entry.next) patterns.push(entry.pattern);
  return patterns;
}

/** Few labels, so that names and patterns meet. */
const label = fc.constantFrom('a', 'B', 'com', 'ab', '1');
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const address = fc.constantFrom('[::1]', '[::A]', '192.0.2.1');
const pattern = fc
  .oneof(
    name,
    address,
    name.map((below) => `*.${below}`),
  )
  .map((text) => text.toLowerCase());
const host = fc
  .tuple(
    fc.constantFrom('', '', '', '.', 'A.'),
    fc.oneof(name, address),
    fc.constantFrom('', '', '.', '..'),
    fc.constantFrom('', ':80', ':1'),
  )
  .map((parts) => parts.join(''))
  .filter((text) => hostEnd(Buffer.from(text), 0, text.length) >= 0);

describe('HostTable', () => {
  for (const { behaviour, source, patterns, host, found } of readCases<HostCase>(
    'host-table.cases.json',
    import.meta.url,
  )) {
    it(`${behaviour} (${source})`, () => assert.deepEqual(chain(find(tableOf(patterns), host)), found));
  }

  it('keeps the values of a pattern that is given twice, in order', () => {
    const patterns = ['*.a', 'b.a', '*.a'].map((pattern, value) => ({ pattern, value }));
    const table = new HostTable(patterns);
    assert.deepEqual(find(table, 'c.a')?.values, [0, 2]);
    assert.deepEqual(find(table, 'b.a')?.values, [1]);
    assert.equal(find(table, 'b.a')?.next, find(table, 'c.a'));
  });

  it('tells names with the same hash apart', () => {
    const colliding = ['gnirratsoc', 'diuqil'] as const;
    const hashes = colliding.map((text) => Buffer.from(text).reduceRight(hashByte, FIRST_HASH));
    assert.equal(hashes[0], hashes[1]);
    assert.equal(find(tableOf([colliding[0]]), colliding[1]), undefined);
    for (const text of colliding) assert.deepEqual(chain(find(tableOf(colliding), text)), [text]);
  });

  it('finds what each pattern tried by itself would find, and nothing else', () => {
    const hostField = fieldId('host');
    const matches = (pattern: string, name: string): boolean =>
      pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) && name.length >= pattern.length : pattern === name;
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 8 }), host, (hosts, text) => {
        const table = tableOf(hosts);
        withHead(Buffer.from(`GET / HTTP/1.1\r\nHost: ${text}\r\n\r\n`), (head) => {
          const name = text
            .toLowerCase()
            .replace(/:[0-9]*$/, '')
            .replace(/\.$/, '');
          const index = head.find(hostField);
          const entry = table.find(head.bytes, head.base + head.valueStart(index), head.base + head.valueEnd(index));
          assert.equal(
            entry !== undefined,
            hosts.some((candidate) => matches(candidate, name)),
            text,
          );
        });
      }),
      { numRuns: 2000 },
    );
  });

  it('finds all patterns that hold a name, the most specific first', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), name, (patterns, text) => {
        const wanted = text.toLowerCase();
        const held = [...new Set(patterns)].filter((one) =>
          one.startsWith('*.') ? wanted.endsWith(one.slice(1)) : wanted === one,
        );
        held.sort(
          (one, other) => Number(one.startsWith('*')) - Number(other.startsWith('*')) || other.length - one.length,
        );
        assert.deepEqual(chain(find(tableOf(patterns), text)), held);
      }),
      { numRuns: 2000 },
    );
  });
});
