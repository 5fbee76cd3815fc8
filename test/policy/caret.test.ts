import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caretBelow } from '../../src/policy/caret.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';

type Case = {
  readonly behaviour: string;
  readonly line: string;
  readonly column: number;
  readonly shown: readonly [line: string, caret: string];
};

const cases: readonly Case[] = [
  { behaviour: 'stands below the place', line: '  "lime": {', column: 3, shown: ['  "lime": {', '  ^'] },
  { behaviour: 'stands below the first column', line: '}', column: 1, shown: ['}', '^'] },
  { behaviour: 'stands behind the end of a line', line: '{ "a": 1', column: 9, shown: ['{ "a": 1', '        ^'] },
  { behaviour: 'stands below an empty line', line: '', column: 1, shown: ['', '^'] },
  {
    behaviour: 'makes four spaces of a tab',
    line: '\t"a":\t1',
    column: 7,
    shown: ['    "a":    1', `${' '.repeat(12)}^`],
  },
  { behaviour: 'counts ideographs as two columns', line: '東京: 1', column: 5, shown: ['東京: 1', '      ^'] },
  { behaviour: 'counts full-width forms as two columns', line: '１: 1', column: 4, shown: ['１: 1', '    ^'] },
  { behaviour: 'counts emoji as two columns', line: '🏰: 1', column: 5, shown: ['🏰: 1', '    ^'] },
  { behaviour: 'counts no column for a mark', line: 'e\u0301: 1', column: 5, shown: ['e\u0301: 1', '   ^'] },
  { behaviour: 'counts a letter beyond ASCII as one', line: 'é: 1', column: 4, shown: ['é: 1', '   ^'] },
  {
    behaviour: 'escapes what drives or reorders a terminal',
    line: '\u001b[2J\u202e\u{e0001}: 1',
    column: 9,
    shown: ['\\u001b[2J\\u202e\\u{e0001}: 1', `${' '.repeat(25)}^`],
  },
  {
    behaviour: 'hides user and password of a URL',
    line: 'store: "redis://me:se@cret@host/x"',
    column: 33,
    shown: ['store: "redis://**********@host/x"', `${' '.repeat(32)}^`],
  },
  {
    behaviour: 'escapes half of a surrogate pair',
    line: '\ud83c: 1',
    column: 2,
    shown: ['\\ud83c: 1', '      ^'],
  },
  {
    behaviour: 'is shown with the beginning of a long line',
    line: `a${'b'.repeat(500)}`,
    column: 1,
    shown: [`a${'b'.repeat(99)}...`, '^'],
  },
  {
    behaviour: 'is shown with what is around it in a long line',
    line: `${'a'.repeat(500)}x${'b'.repeat(500)}`,
    column: 501,
    shown: [`...${'a'.repeat(60)}x${'b'.repeat(39)}...`, `${' '.repeat(63)}^`],
  },
  {
    behaviour: 'is shown with the end of a long line',
    line: `${'a'.repeat(500)}x`,
    column: 501,
    shown: [`...${'a'.repeat(60)}x`, `${' '.repeat(63)}^`],
  },
  {
    behaviour: 'cuts by columns where characters are wide or escaped',
    line: `${'東'.repeat(200)}x${'\u202e'.repeat(200)}`,
    column: 201,
    shown: [`...${'東'.repeat(30)}x${'\\u202e'.repeat(6)}...`, `${' '.repeat(63)}^`],
  },
  {
    behaviour: 'parts no surrogate pair where it cuts',
    line: `a${'🏰'.repeat(100)}x`,
    column: 202,
    shown: [`...${'🏰'.repeat(30)}x`, `${' '.repeat(63)}^`],
  },
];

describe('the caret', () => {
  for (const { behaviour, line, column, shown } of cases) {
    it(behaviour, () => {
      const [text, caret] = shown;
      assert.deepEqual(caretBelow(['', line], { line: 2, column }), [`   2 | ${text}`.trimEnd(), `     | ${caret}`]);
    });
  }

  it('has its bar where the line has it, however long the number', () => {
    const lines = Array.from({ length: 1_000_000 }, () => 'x');
    assert.deepEqual(caretBelow(lines, { line: 1_000_000, column: 1 }), ['1000000 | x', '        | ^']);
  });

  it('is left out where the file has no such line', () => {
    assert.deepEqual(caretBelow(['x'], { line: 2, column: 1 }), []);
  });
});

describe('the message of a PolicyError', () => {
  const messageOf = (text: string, file: string): string => {
    try {
      policyFrom(Buffer.from(text), file);
    } catch (error) {
      assert.ok(error instanceof PolicyError);
      return error.message;
    }
    return assert.fail('not refused');
  };

  it('shows the line of each mistake, whatever the line ends', () => {
    assert.equal(
      messageOf('\ufeff{\r\n  "queue": {\r    "max": 0 },\n  "keepAlive": 1\r\n}', 'site.json'),
      [
        'site.json:3:12: /queue/max: expected a whole number of requests from 1 to 1048576, found 0',
        '   3 |     "max": 0 },',
        '     |            ^',
        'site.json:4:16: /keepAlive: expected an object with keys among idle, maxRequests, maxAge, found 1',
        '   4 |   "keepAlive": 1',
        '     |                ^',
      ].join('\n'),
    );
  });

  it('shows no line of a file that could not be read as text, nor of one that is empty', () => {
    assert.equal(messageOf('', 'site.json'), 'site.json: the file is empty; {} is one that changes nothing');
    assert.equal(messageOf('\n', 'site.yaml'), 'site.yaml: the file is empty; {} is one that changes nothing');
  });
});
