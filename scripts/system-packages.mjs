// What the tests need beside Node and npm: real clients and independent parsers. Installed with apt-get where this user
// may, else one line says what is missing and the command fails. Nothing is done where all of it is there.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file that each Debian package puts there. */
const packages = {
  'apache2-utils': '/usr/bin/ab',
  'chromium-headless-shell': '/usr/bin/chromium-headless-shell',
  curl: '/usr/bin/curl',
  'default-jdk-headless': '/usr/bin/javac',
  'golang-go': '/usr/bin/go',
  haproxy: '/usr/sbin/haproxy',
  hey: '/usr/bin/hey',
  'libwww-perl': '/usr/share/perl5/LWP/UserAgent.pm',
  links: '/usr/bin/links',
  lynx: '/usr/bin/lynx',
  'monitoring-plugins-basic': '/usr/lib/nagios/plugins/check_http',
  'netcat-openbsd': '/usr/bin/nc.openbsd',
  'nghttp2-client': '/usr/bin/h2load',
  nginx: '/usr/sbin/nginx',
  'php-cli': '/usr/bin/php',
  'prometheus-blackbox-exporter': '/usr/bin/prometheus-blackbox-exporter',
  'python3-aiohttp': '/usr/lib/python3/dist-packages/aiohttp/__init__.py',
  'python3-bottle': '/usr/lib/python3/dist-packages/bottle.py',
  'python3-django': '/usr/lib/python3/dist-packages/django/__init__.py',
  'python3-eventlet': '/usr/lib/python3/dist-packages/eventlet/__init__.py',
  'python3-flask': '/usr/lib/python3/dist-packages/flask/__init__.py',
  'python3-gevent': '/usr/lib/python3/dist-packages/gevent/__init__.py',
  'python3-gunicorn': '/usr/lib/python3/dist-packages/gunicorn/__init__.py',
  'python3-h11': '/usr/lib/python3/dist-packages/h11/__init__.py',
  'python3-httpx': '/usr/lib/python3/dist-packages/httpx/__init__.py',
  'python3-requests': '/usr/lib/python3/dist-packages/requests/__init__.py',
  'python3-whitenoise': '/usr/lib/python3/dist-packages/whitenoise/__init__.py',
  'redis-server': '/usr/bin/redis-server',
  ruby: '/usr/bin/ruby',
  siege: '/usr/bin/siege',
  supervisor: '/usr/bin/supervisord',
  systemd: '/usr/bin/systemd-notify',
  tini: '/usr/bin/tini',
  'uwsgi-core': '/usr/bin/uwsgi-core',
  'uwsgi-plugin-python3': '/usr/lib/uwsgi/plugins/python3_plugin.so',
  w3m: '/usr/bin/w3m',
  wget: '/usr/bin/wget',
  wrk: '/usr/bin/wrk',
};
/** A package that brings a daemon comes without its unit and its init script: nothing starts, now or at boot. */
const withoutServices = ['/lib/systemd/system/*', '/usr/lib/systemd/system/*', '/etc/init.d/*'].flatMap((path) => [
  '-o',
  `DPkg::Options::=--path-exclude=${path}`,
]);

function isRoot() {
  return process.getuid?.() === 0;
}

function mayInstall() {
  if (!existsSync('/usr/bin/apt-get')) return false;
  return isRoot() || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
}

function aptGet(...args) {
  const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300', ...args];
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
    const install = ['install', '-y', '--no-install-recommends', ...withoutServices, ...wanted];
    if (!aptGet(...install)) {
      aptGet('update');
      aptGet(...install);
    }
  }
  const left = missing();
  if (left.length > 0) console.error(`The tests need these Debian packages: ${left.join(' ')}`);
  return left.length === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !ensureSystemPackages()) process.exitCode = 1;
