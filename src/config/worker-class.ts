import { nearestNames } from '../suggestion/nearest-name.ts';
import type { AppTarget, PythonWorkerClass } from '../worker/app-target.ts';
import { ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';

/** `node`: JavaScript in worker processes; `inline`: JavaScript in the edges; `uwsgi`: elsewhere; the others run Python. */
export type WorkerClass = 'node' | 'inline' | 'uwsgi' | PythonWorkerClass;

const classesOf = {
  javascript: ['node', 'inline'],
  python: ['sync', 'gthread', 'gevent', 'eventlet'],
  uwsgi: ['uwsgi'],
} as const satisfies Record<AppTarget['kind'], readonly WorkerClass[]>;
const languages = { javascript: 'JavaScript', python: 'Python', uwsgi: 'what a uWSGI server runs' } as const;
const subjects = {
  javascript: 'A JavaScript application',
  python: 'A Python application',
  uwsgi: 'A uWSGI upstream',
} as const;
const known: readonly string[] = Object.values(classesOf).flat();
/** Where Gunicorn's own are, for those who name them in full; `egg:gunicorn#sync` is an older way to say it. */
const longNames: Readonly<Record<string, string>> = {
  'gunicorn.workers.sync.SyncWorker': 'sync',
  'gunicorn.workers.gthread.ThreadWorker': 'gthread',
  'gunicorn.workers.ggevent.GeventWorker': 'gevent',
  'gunicorn.workers.geventlet.EventletWorker': 'eventlet',
};

export function parseWorkerClass(text: string, origin: string): WorkerClass {
  const name = longNames[text] ?? text.replace(/^egg:gunicorn#/, '');
  if (known.includes(name)) return name as WorkerClass;
  const problem = `there is no worker class ${JSON.stringify(text)}.${meant(text)}`;
  throw new ConfigError(`${origin}: ${problem} ${whatFits('python')} ${whatFits('javascript')}`);
}

/**
 * The class that was asked for, where it runs the application's language; else the usual one. As with Gunicorn, more than
 * one thread makes `sync` mean `gthread`.
 */
export function workerClassFor(app: AppTarget, { workerClass, threads }: GivenSettings): WorkerClass {
  const fitting: readonly WorkerClass[] = classesOf[app.kind];
  const asked = workerClass?.value ?? fitting[0] ?? 'node';
  if (!fitting.includes(asked)) {
    throw new ConfigError(
      `${workerClass?.origin}: the worker class ${asked} does not run ${languages[app.kind]}. ${whatFits(app.kind)}`,
    );
  }
  return asked === 'sync' && (threads?.value ?? 1) > 1 ? 'gthread' : asked;
}

/** There are processes that do nothing else. */
export function hasWorkerProcesses(workerClass: WorkerClass): boolean {
  return workerClass !== 'inline' && workerClass !== 'uwsgi';
}

function whatFits(kind: AppTarget['kind']): string {
  return `${subjects[kind]} takes ${classesOf[kind].join(' or ')}.`;
}

function meant(text: string): string {
  const [nearest] = nearestNames(text, known, 1);
  return nearest === undefined ? '' : ` Did you mean ${nearest}?`;
}
