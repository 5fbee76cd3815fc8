// Builds dist/ from src/: what `npm ci` (through `prepare`) and `npm run build` call.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

const here = new URL('..', import.meta.url);
rmSync(new URL('dist', here), { recursive: true, force: true });
const tsc = new URL('node_modules/typescript/bin/tsc', here).pathname;
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: here, stdio: 'inherit' });
