import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Program, startProgram } from '../support/program.ts';

/** By name: what the application consists of, and one file that it does not load. */
const files = {
  'app.mjs':
    "import { createRequire } from 'node:module';\nimport { word } from './word.mjs';\nconst late = createRequire(import.meta.url)('./late.cjs');\nexport const app = (e, s) => { s('200 OK', []); return [word + late]; };\n",
  // What is required after it is required long after all imports were seen.
  'word.mjs': "await new Promise((resolve) => setTimeout(resolve, 200));\nexport const word = 'good';\n",
  'late.cjs': "module.exports = require('./deep.cjs');\n",
  'deep.cjs': "module.exports = '!';\n",
  'template.html': '<p>\n',
};

describe('the program with --reload', () => {
  let folder: string;
  let program: Program;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'reload-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const flags = ['-b', '127.0.0.1:0', '--chdir', folder, '--reload', '--reload-extra-file', 'template.html'];
    program = startProgram([...flags, 'app.mjs']);
    await program.logged(/Booting worker/);
  });
  after(async () => {
    await program.stop();
    rmSync(folder, { recursive: true });
  });

  for (const name of Object.keys(files)) {
    it(`sees a change of ${name}`, async () => {
      const seen = new RegExp(`\\[INFO\\] Application file changed: \\S*/${name.replace('.', '\\.')}$`, 'm');
      // Again and again: nothing tells when the first look at the file is over.
      for (let round = 0; !seen.test(program.stderr); round += 1) {
        assert.ok(round < 60, program.stderr);
        writeFileSync(join(folder, name), `${files[name as keyof typeof files]}${'\n'.repeat(round)}`);
        await new Promise((resolve) => setTimeout(resolve, 1_200));
      }
    });
  }
});
