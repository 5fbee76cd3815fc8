import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, describe, it } from 'node:test';
import { ConfigError } from '../../src/config/config.ts';
import { shellWords } from '../../src/config/shell-words.ts';

const lines = [
  '',
  '  ',
  '-w 4 --bind=127.0.0.1:8000',
  ' --env  A=1\t--reload\n-k sync ',
  `--env 'A=b c' --env "D=e f"`,
  `--access-logformat "%(h)s \\"%(r)s\\" \\\\ \\n"`,
  `a'b'"c"d\\ e`,
  `'' "" ''""`,
  `'a\\b' "it's" 'say "x"'`,
  '$HOME `ls` ; | & > # no comment * ~',
  'a\\\nb "c\\\nd"',
  'ünï cödé \u{1f600}',
  `'open`,
  `"open \\"`,
  'end\\',
  `a"b`,
];

describe('the words of GUNICORN_CMD_ARGS', () => {
  let expected: readonly (readonly string[] | null)[] = [];
  before(() => {
    const program = [
      'import json, shlex, sys',
      'def split(text):',
      '    try: return shlex.split(text)',
      '    except ValueError: return None',
      'print(json.dumps([split(text) for text in json.loads(sys.argv[1])]))',
    ].join('\n');
    expected = JSON.parse(execFileSync('python3', ['-c', program, JSON.stringify(lines)], { encoding: 'utf8' }));
  });

  for (const [index, line] of lines.entries()) {
    it(`are those of shlex.split: ${JSON.stringify(line)}`, () => {
      const words = expected[index];
      if (words === null) assert.throws(() => shellWords(line, 'environment X'), ConfigError);
      else assert.deepEqual(shellWords(line, 'environment X'), words);
    });
  }
});
