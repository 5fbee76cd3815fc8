import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root, runProgram, startProgram } from '../support/program.ts';
import { exchangeRaw } from '../support/raw-client.ts';

const args = ['-b', '127.0.0.1:0', join(root, 'examples/hello.js')];
const weakened = fileURLToPath(new URL('fixtures/weakened-parser.ts', import.meta.url));
const withTypeScript = ['--import', import.meta.resolve('tsx')];

describe('a program whose parser was weakened by an update', () => {
  it('does not start, and says which canary got through', async () => {
    const nodeFlags = [...withTypeScript, '--import', weakened];
    const { code, stderr } = await runProgram(args, { nodeFlags });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /The parser that was loaded is not safe: obs-fold: expected field\.malformed/);
  });

  it('starts with the same flags and the real parser', async () => {
    const program = startProgram(args, { nodeFlags: withTypeScript });
    try {
      const folded = 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n';
      assert.match(await exchangeRaw(await program.port(), folded), /^HTTP\/1\.1 400 .*\(field\.malformed\)\n$/s);
    } finally {
      await program.stop();
    }
  });
});
