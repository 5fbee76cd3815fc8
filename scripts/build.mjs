// Builds dist/ from src/: what `npm ci` (through `prepare`) and `npm run build` call.
// policies/ stays where it is: src/policy and dist/policy find it by the same relative path.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const compile = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
process.exitCode = spawnSync(process.execPath, compile, { cwd: root, stdio: 'inherit' }).status ?? 1;
if (process.exitCode === 0) copyPython();

/** Python that runs as it is, beside the module that starts it. */
function copyPython() {
  for (const name of readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.py')) continue;
    mkdirSync(dirname(`${root}dist/${name}`), { recursive: true });
    copyFileSync(`${root}src/${name}`, `${root}dist/${name}`);
  }
}
