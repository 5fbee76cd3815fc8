import { relative } from 'node:path';
import { placeName, type UwsgiApp } from './uwsgi-target.ts';

/** Where the application is. */
export type AppTarget = JavaScriptApp | PythonApp | UwsgiApp;

/** `path/to/module.js:name`. `path` is absolute; `name` null means `app`, then `default`. */
export type JavaScriptApp = { readonly kind: 'javascript'; readonly path: string; readonly name: string | null };

/** `package.module:callable`. `callable` is a name, dotted names, or the call of a factory with literal arguments. */
export type PythonApp = { readonly kind: 'python'; readonly module: string; readonly callable: string };

/** How a Python worker runs requests: one at a time, each in one of its threads, or each in a greenlet. */
export type PythonWorkerClass = 'sync' | 'gthread' | 'gevent' | 'eventlet';

/** As an operator would write it, for log lines. */
export function appName(target: AppTarget): string {
  if (target.kind === 'python') return `${target.module}:${target.callable}`;
  if (target.kind === 'uwsgi') return target.servers.map(({ place }) => placeName(place)).join(',');
  const { path, name } = target;
  const fromHere = relative(process.cwd(), path);
  return `${fromHere.startsWith('..') ? path : fromHere}:${name ?? 'app'}`;
}

/** In one word: what a server is called that nobody has given a name. */
export function shortNameOf(target: AppTarget): string {
  if (target.kind === 'uwsgi') return 'uwsgi';
  return target.kind === 'python' ? target.module : target.path.slice(target.path.lastIndexOf('/') + 1);
}
