import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { verdict } from '../../fuzz/policy.fuzz.ts';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';

const mebibyte = 1024 * 1024;
/** Generous for a loaded machine: a verdict reads the bytes twice, and one megabyte takes some hundreds of milliseconds. */
const longestMs = 20_000;

function verdictInTime(text: string): 'policy' | 'refused' {
  const start = performance.now();
  const outcome = verdict(Buffer.from(text), 'site.yaml');
  assert.ok(performance.now() - start < longestMs);
  return outcome;
}

const keyNames = [...new Set(Object.keys(policyKeys).flatMap((pointer) => pointer.split('/')))];
const indicators = [...'-?:,[]{}#&*!|>\'"%@`\\'];
const words = [
  '---',
  '...',
  '- ',
  ': ',
  '<<',
  '.inf',
  '010',
  '~',
  'true',
  '1',
  '10s',
  '%YAML 1.1',
  '!!str',
  '&a',
  '*a',
];
const spaces = [' ', '  ', '\t', '\n', '\n  ', '\r\n', '\r', '\u0085', '\u2028', '\ufeff', '\0'];
const tokens = fc.constantFrom(...indicators, ...words, ...spaces, ...keyNames, ...keyNames.map((name) => `${name}: `));

/** Objects of policy keys as YAML writes them: one key a line, indented. */
const { blocks } = fc.letrec<{ blocks: string }>((tie) => ({
  blocks: fc
    .array(
      fc.tuple(
        fc.constantFrom(...keyNames),
        fc.oneof(
          { depthSize: 'small' },
          fc.constantFrom(
            ' 1',
            ' 10s',
            ' "64KiB"',
            ' [GET]',
            ' drop',
            '',
            ' |\n    x',
            ' # none',
            '\n- a',
            '\n    - a',
          ),
          tie('blocks').map((inner) => `\n${inner.replace(/^/gm, '  ')}`),
        ),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((members) => members.map(([name, value]) => `${name}:${value}`).join('\n')),
}));

describe('any YAML file is a policy or a PolicyError, and soon', () => {
  const inputs: readonly (readonly [kind: string, arbitrary: fc.Arbitrary<string>])[] = [
    ['text', fc.string({ unit: 'binary', maxLength: 300 })],
    ['tokens', fc.array(tokens, { maxLength: 60 }).map((parts) => parts.join(''))],
    ['JSON', fc.json()],
    ['objects of policy keys', blocks],
  ];
  for (const [kind, arbitrary] of inputs) {
    it(kind, () => {
      fc.assert(
        fc.property(arbitrary, (text) => verdictInTime(text) !== undefined),
        { numRuns: 500 },
      );
    });
  }

  it('JSON on one line is the same in YAML as it is in JSON', () => {
    const values = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom('10s', '1KiB', 'a.example', 'drop', null));
    const objects = fc.dictionary(fc.constantFrom(...keyNames), fc.dictionary(fc.constantFrom(...keyNames), values));
    fc.assert(
      fc.property(objects, (object) => {
        const bytes = Buffer.from(JSON.stringify(object));
        assert.equal(verdict(bytes, 'site.yaml'), verdict(bytes, 'site.json'));
      }),
    );
  });

  const fill = (part: string, [before, behind]: readonly [string, string] = ['', '']): string =>
    before + part.repeat(Math.floor((mebibyte - before.length - behind.length) / part.length)) + behind;
  const largest: readonly (readonly [kind: string, text: string])[] = [
    ['brackets', fill('[')],
    ['braces', fill('{a: ')],
    ['dashes', fill('- ')],
    ['dashes in lines', fill('-\n')],
    ['question marks', fill('? ')],
    ['colons', fill(': ')],
    ['commas in a list', fill(',', ['[', ''])],
    ['double quotes', fill('"')],
    ['double quotes in lines', fill('"\n')],
    ['single quotes', fill("'''\n")],
    ['escaped quotes in a string', fill('\\"', ['- "\n', ''])],
    ['lines', fill('\n')],
    ['lines in a string', fill('\n', ['$schema: "', '"'])],
    ['folded lines', fill(' a\n\n', ['$schema: >\n', ''])],
    ['lines of one plain value', fill('a\n')],
    ['broken plain values', fill('a  \n', ['x: ', ''])],
    ['comments', fill('#\n')],
    ['comments below a text and many lines', `a: |\n  x\n${'\n'.repeat(400_000)}${' #\n'.repeat(200_000)}`],
    ['the same within the bounds', `a: |\n  x\n${'\n'.repeat(2400)}${' #\n'.repeat(850)}`.repeat(200)],
    ['anchors', fill('&a\n')],
    ['aliases', fill('*a ', ['[', ''])],
    ['tags', fill('!a ')],
    ['directives', fill('%A\n')],
    ['documents', fill('---\n')],
    ['document ends', fill('...\n')],
    ['keys', fill('a: 1\n')],
    ['keys in one line', fill('a: 1, ', ['{', '}'])],
    ['lists behind their keys', fill('a: - b\n')],
    ['closing brackets', fill(']')],
    ['one long number', fill('9', ['queue: { max: ', ' }'])],
    ['one long key', fill('k', ['', ': 1'])],
    ['one long host of dots', fill('a.', ['request: { hosts: ["', '!"] }'])],
    ['hosts', fill('  - a.example\n', ['request:\n  hosts:\n', ''])],
    ['unknown keys', `{${Array.from({ length: 30_000 }, (_, index) => `k${index}: 1`).join(', ')}}`],
    ['numbers as keys', `{${Array.from({ length: 30_000 }, (_, index) => `${index}: 1`).join(', ')}}`],
  ];
  for (const [kind, text] of largest) {
    it(`one megabyte of ${kind}`, () => {
      assert.ok(text.length > mebibyte / 4 && Buffer.byteLength(text) <= mebibyte, `${text.length}`);
      assert.equal(verdictInTime(text), 'refused');
    });
  }
});
