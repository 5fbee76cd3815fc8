// `npm test` is everything: types, lint and format, then every test file under test/.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { ensureSystemPackages } from './system-packages.mjs';

const root = new URL('..', import.meta.url).pathname;
const wanted = process.argv.slice(2);

function run(title, command, args) {
  const { status, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error(`${title} failed (${signal ?? `exit ${status}`})`);
    process.exit(status ?? 1);
  }
}

function testFiles() {
  if (wanted.length > 0) return wanted;
  return readdirSync(`${root}test`, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name}`);
}

if (wanted.length === 0) {
  run('type check', process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit']);
  run('lint and format', process.execPath, [
    'node_modules/@biomejs/biome/bin/biome',
    'check',
    '--error-on-warnings',
    '.',
  ]);
}
if (!ensureSystemPackages()) process.exit(1);
run('tests', process.execPath, [
  ...['--import', 'tsx', '--test', '--test-concurrency=2'],
  ...['--test-reporter=tap', '--test-reporter-destination=stdout'],
  ...['--test-reporter=./scripts/failed-tests.mjs', '--test-reporter-destination=stdout'],
  ...testFiles().sort(),
]);
