import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemProblem } from '../../src/policy/read.ts';

/** What the system says of a file, and what people are told. The superuser cannot meet all of them in a file. */
const problems = [
  ['ENOENT', 'there is no such file'],
  ['ENOTDIR', 'there is no such file'],
  ['EACCES', 'this user may not read it'],
  ['ELOOP', 'too many symbolic links'],
  ['EIO', 'it cannot be read (EIO)'],
] as const;

describe('a file that cannot be read', () => {
  for (const [code, words] of problems) {
    it(`says of ${code} that ${words}`, () => {
      assert.equal(systemProblem(Object.assign(new Error('read'), { code })), words);
    });
  }
});
