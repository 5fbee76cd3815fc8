// What the tests need beside Node and npm: real clients and independent parsers. Installed with apt-get where this user
// may, else one line says what is missing and the command fails. Nothing is done where all of it is there.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file that each Debian package puts there. */
const packages = {
  'python3-h11': '/usr/lib/python3/dist-packages/h11/__init__.py',
};

function isRoot() {
  return process.getuid?.() === 0;
}

function mayInstall() {
  if (!existsSync('/usr/bin/apt-get')) return false;
  return isRoot() || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
}

function aptGet(...args) {
  const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args];
  const [program, ...rest] = isRoot() ? command : ['sudo', '-n', ...command];
  return spawnSync(program, rest, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

/** False, with one line on standard error, where something is missing and cannot be installed. */
export function ensureSystemPackages() {
  const missing = () => Object.keys(packages).filter((name) => !existsSync(packages[name]));
  const wanted = missing();
  if (wanted.length === 0) return true;
  if (mayInstall()) {
    console.log(`Installing ${wanted.join(', ')}`);
    if (!aptGet('install', '-y', '--no-install-recommends', ...wanted)) {
      aptGet('update');
      aptGet('install', '-y', '--no-install-recommends', ...wanted);
    }
  }
  const left = missing();
  if (left.length > 0) console.error(`The tests need these Debian packages: ${left.join(' ')}`);
  return left.length === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !ensureSystemPackages()) process.exitCode = 1;
