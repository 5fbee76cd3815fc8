// Builds dist/ from src/: what `npm ci` (through `prepare`) and `npm run build` call.
// policies/ stays where it is: src/policy and dist/policy find it by the same relative path.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const arguments_ = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
execFileSync(process.execPath, arguments_, { cwd: root, stdio: 'inherit' });
