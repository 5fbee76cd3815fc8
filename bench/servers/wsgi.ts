import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findNginx, startProxy } from './nginx.ts';
import { startPortcullis } from './portcullis.ts';
import { type Server, startServer } from './server.ts';

/** `module:callable` in `bench/apps`. */
export type WsgiApp = 'wsgi_hello:application' | 'flask_hello:application';

/** A way to run WSGI applications in two processes. `missing`: what has to be installed for it. */
export type WsgiContender = {
  readonly title: string;
  readonly missing: string | undefined;
  start(app: WsgiApp): Promise<Server>;
};

const folder = fileURLToPath(new URL('../apps', import.meta.url));
/** The interpreter that Debian's Gunicorn, uWSGI and Flask are for: the same one for everybody. */
const python = '/usr/bin/python3';
const PROCESSES = '2';

export type OurClass = 'sync' | 'gthread' | 'gevent';

export function portcullis(program: string, workerClass: OurClass): WsgiContender {
  const title = `Portcullis ${workerClass}`;
  const threads = workerClass === 'gthread' ? ['--threads', '4'] : [];
  const flags = ['-k', workerClass, '-w', PROCESSES, ...threads, '--python', python, '--chdir', folder];
  const start = (app: WsgiApp): Promise<Server> =>
    startPortcullis({ program, mode: 'python', app, flags, name: title });
  return { title, missing: missingOf(python, 'python3'), start };
}

export function gunicorn(workerClass: OurClass): WsgiContender {
  const title = `Gunicorn ${workerClass}`;
  const threads = workerClass === 'gthread' ? ['--threads', '4'] : [];
  const args = ['-b', '127.0.0.1:0', '-k', workerClass, '-w', PROCESSES, ...threads, '--chdir', folder];
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', GUNICORN_CMD_ARGS: '' };
  return {
    title,
    missing: missingOf('gunicorn', 'gunicorn'),
    start: (app) => startServer(title, 'gunicorn', [...args, app], (program) => program.port(), env),
  };
}

/** `http11-socket`: uWSGI's workers parse HTTP themselves, with keep-alive. */
export function uwsgi(speaks: 'http11-socket' | 'socket'): WsgiContender {
  const title = speaks === 'socket' ? 'uWSGI' : `uWSGI ${speaks}`;
  const start = (app: WsgiApp): Promise<Server> =>
    startServer(
      title,
      'uwsgi',
      [
        ...['--plugin', 'python3', `--${speaks}`, '127.0.0.1:0', '--master', '-p', PROCESSES, '--chdir', folder],
        ...['--module', app, '--disable-logging', '--die-on-term', '--need-app', '--listen', '128'],
      ],
      async (program) => Number((await program.logged(/bound to TCP address 127\.0\.0\.1:(\d+)/))[1]),
    );
  return { title, missing: missingOf('uwsgi', 'uwsgi-core and uwsgi-plugin-python3'), start };
}

export function nginxAndUwsgi(): WsgiContender {
  const nginx = findNginx();
  const behind = uwsgi('socket');
  return {
    title: 'nginx + uWSGI',
    missing: nginx === undefined ? 'nginx' : behind.missing,
    start: async (app) => {
      if (nginx === undefined) throw new Error('nginx is not installed');
      return startProxy(nginx, await behind.start(app), { workerProcesses: 'auto', speaks: 'uwsgi' });
    },
  };
}

function missingOf(command: string, packages: string): string | undefined {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined ? undefined : packages;
}
