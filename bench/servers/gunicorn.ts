import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Server, startServer } from './server.ts';

export type GunicornClass = 'sync' | 'gthread';

/** Of two cores Gunicorn's documentation makes (2 x cores) + 1 processes; threads keep to one process a core. */
const pools: Readonly<Record<GunicornClass, readonly string[]>> = {
  sync: ['-w', '5'],
  gthread: ['-w', '2', '--threads', '32'],
};

export function findGunicorn(): string | undefined {
  const { stdout, error, status } = spawnSync('gunicorn', ['--version'], { encoding: 'utf8' });
  if (error !== undefined || status !== 0) return undefined;
  return /version ([\d.]+)/.exec(stdout)?.[1] ?? 'of unknown version';
}

/** The site of `site.js` as a WSGI application, with Gunicorn's own deadlines: none for a client. */
export function startGunicorn(workerClass: GunicornClass): Promise<Server> {
  const folder = fileURLToPath(new URL('../apps', import.meta.url));
  const args = [
    '-b',
    '127.0.0.1:0',
    '-k',
    workerClass,
    ...pools[workerClass],
    '--chdir',
    folder,
    'wsgi_site:application',
  ];
  const name = `Gunicorn ${workerClass} (${pools[workerClass].join(' ')})`;
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', GUNICORN_CMD_ARGS: '' };
  return startServer(name, 'gunicorn', args, (program) => program.port(), env);
}
