import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { verdict } from '../../fuzz/policy.fuzz.ts';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';

const mebibyte = 1024 * 1024;
/** Generous for a loaded machine: a verdict reads the bytes twice, and one megabyte takes some tens of milliseconds. */
const longestMs = 10_000;

function verdictInTime(bytes: Uint8Array): 'policy' | 'refused' {
  const start = performance.now();
  const outcome = verdict(bytes);
  assert.ok(performance.now() - start < longestMs);
  return outcome;
}

const keyNames = [...new Set(Object.keys(policyKeys).flatMap((pointer) => pointer.split('/')))];
const values = fc.oneof(
  fc.constantFrom('64KiB', '10s', '0s', 'drop', 'reject', 'stream', 'GET', '*.example.com', '[::1]'),
  fc.integer(),
  fc.double(),
  fc.string(),
);
/** Objects of known and unknown keys, of any shape. */
const { policy: almostPolicies } = fc.letrec((tie) => ({
  policy: fc.dictionary(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...keyNames) }, fc.string()), tie('part')),
  part: fc.oneof({ depthSize: 'small', withCrossShrink: true }, values, fc.array(values), tie('policy')),
}));

const tokens = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '//',
  '/*',
  '*/',
  '"',
  '\\',
  '\\u00',
  '\n',
  '\r',
  ' ',
  '1',
  '-',
  'e',
  '.',
  'null',
  'true',
];
const names = keyNames.map((name) => `"${name}"`);

describe('any file is a policy or a PolicyError, and soon', () => {
  const inputs: readonly (readonly [kind: string, arbitrary: fc.Arbitrary<Uint8Array>])[] = [
    ['bytes', fc.uint8Array({ maxLength: 300 })],
    ['text', fc.string({ unit: 'binary', maxLength: 300 }).map((text) => Buffer.from(text))],
    [
      'tokens',
      fc.array(fc.constantFrom(...tokens, ...names), { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''))),
    ],
    ['JSON', fc.json().map((text) => Buffer.from(text))],
    ['objects of policy keys', almostPolicies.map((policy) => Buffer.from(JSON.stringify(policy)))],
    ['the default, damaged', damagedDefault()],
  ];
  for (const [kind, arbitrary] of inputs) {
    it(kind, () => {
      fc.assert(
        fc.property(arbitrary, (bytes) => verdictInTime(bytes) !== undefined),
        { numRuns: 300 },
      );
    });
  }

  const fill = (part: string, around: readonly [string, string] = ['', '']): string =>
    around[0] + part.repeat(Math.floor((mebibyte - around[0].length - around[1].length) / part.length)) + around[1];
  const distinct = (count: number, one: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => one(index)).join(',');
  const largest: readonly (readonly [kind: string, text: string])[] = [
    ['brackets', fill('[')],
    ['braces', fill('{"a":')],
    ['commas', fill(',')],
    ['quotes', fill('"')],
    ['lines', fill('\n')],
    ['line ends in a refused key', `{ "${'\\n'.repeat(mebibyte / 4)}": 1 }`],
    ['comments', fill('/**/', ['', '{}'])],
    ['broken comments', fill('/*')],
    ['an endless comment', fill(' ', ['{} /*', ''])],
    ['one long number', fill('9', ['{"queue":{"max":', '}}'])],
    ['one long size', fill('9', ['{"request":{"line":{"maxBytes":"', '"}}}'])],
    ['one long host', fill('a', ['{"request":{"hosts":["', '!"]}}'])],
    ['one long host of dots', fill('a.', ['{"request":{"hosts":["', '!"]}}'])],
    ['one long key', fill('k', ['{"', '":1}'])],
    ['a long key above many repeated ones', `{"${'k'.repeat(400_000)}":{${distinct(40_000, () => '"a":1')}}}`],
    ['unknown keys', `{${distinct(49_000, (index) => `"k${index}":1`)}}`],
    ['repeated keys', `{${distinct(49_000, () => '"queue":1')}}`],
    ['wrong hosts', `{"request":{"hosts":[${distinct(99_000, (index) => `${index}`)}]}}`],
    ['equal hosts', `{"request":{"hosts":[${distinct(90_000, () => '"a"')}]}}`],
    ['objects without end', `{"request":{"hosts":[${distinct(66_000, () => '{ }')}]}}`],
  ];
  for (const [kind, text] of largest) {
    it(`one megabyte of ${kind}`, () => {
      assert.ok(text.length > mebibyte / 5 && Buffer.byteLength(text) <= mebibyte, `${text.length}`);
      const expected = kind === 'comments' ? 'policy' : 'refused';
      assert.equal(verdictInTime(Buffer.from(text)), expected);
    });
  }
});

describe('the dictionary of the fuzz target', () => {
  it('has every key and value of the schema', () => {
    const dictionary = readFileSync(new URL('../../fuzz/policy.dict', import.meta.url), 'utf8').split('\n');
    const values = Object.values(policyKeys).flatMap((key) => ('values' in key ? key.values : []));
    const elements = ['', '*'];
    const missing = [...keyNames, ...values].filter(
      (name) => !elements.includes(name) && !dictionary.includes(`"\\"${name}\\""`),
    );
    assert.deepEqual(missing, []);
  });
});

/** A few bytes of the shipped default replaced, removed or doubled. */
function damagedDefault(): fc.Arbitrary<Uint8Array> {
  const whole = readFileSync(new URL('../../policies/default.json', import.meta.url));
  const damage = fc.record({
    at: fc.nat(whole.length - 1),
    removed: fc.nat(20),
    inserted: fc.string({ maxLength: 8 }),
  });
  return fc
    .array(damage, { minLength: 1, maxLength: 4 })
    .map((damages) =>
      damages.reduce<Buffer>(
        (bytes, { at, removed, inserted }) =>
          Buffer.concat([bytes.subarray(0, at), Buffer.from(inserted), bytes.subarray(at + removed)]),
        whole,
      ),
    );
}
