import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runProgram, startProgram } from '../support/program.ts';

describe('the program with --preload', () => {
  const source = (file: string, then: string): string =>
    `import { appendFileSync } from 'node:fs';\nappendFileSync(${JSON.stringify(file)}, 'x');\n${then}\n`;

  it('costs a broken application one boot', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'preload-'));
    const boots = join(folder, 'boots');
    const app = join(folder, 'app.mjs');
    writeFileSync(app, source(boots, 'throw new Error("broken on purpose");'));
    const { code, stderr } = await runProgram(['-b', '127.0.0.1:0', '-w', '3', '--preload', app]);
    assert.deepEqual([code, readFileSync(boots, 'latin1')], [4, 'x']);
    assert.equal(stderr.match(/failed while it was loaded: broken on purpose/g)?.length, 1);
    rmSync(folder, { recursive: true });
  });

  it('starts the others once one has loaded it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'preload-'));
    const boots = join(folder, 'boots');
    const app = join(folder, 'app.mjs');
    appendFileSync(boots, '');
    writeFileSync(app, source(boots, 'export const app = () => {};'));
    const program = startProgram(['-b', '127.0.0.1:0', '-w', '3', '--preload', app]);
    try {
      await program.logged(/Booting worker with pid/, 2);
      assert.ok(readFileSync(boots, 'latin1').length >= 1);
      await program.logged(/Booting worker with pid/, 3);
    } finally {
      await program.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
