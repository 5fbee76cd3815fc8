import * as module from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel } from 'node:worker_threads';

/** Node 22.15 and later: hooks in the thread that loads, for `import` and `require` alike. */
type RegisterHooks = (hooks: {
  load(url: string, context: unknown, next: (url: string, context: unknown) => unknown): unknown;
}) => unknown;

/** Before that, hooks run in a thread of Node's own, and see what is imported. */
const importHooks = `
let port;
export function initialize(data) {
  port = data.port;
}
export function load(url, context, next) {
  port.postMessage(url);
  return next(url, context);
}`;

/**
 * Tells, from now on, of the files that the application consists of: what it imports or requires, without what comes from
 * `node_modules`. Each is told once, those of one turn of the event loop together. Answers how to tell at once what is left,
 * for a process that is about to end. For development: every load is looked at.
 */
export function watchLoadedFiles(tell: (files: readonly string[]) => void): () => void {
  const told = new Set<string>();
  let untold: string[] = [];
  const flush = (): void => {
    for (const path of Object.keys(requireCache())) note(pathToFileURL(path).href);
    if (untold.length > 0) tell(untold);
    untold = [];
  };
  const note = (url: string): void => {
    if (!url.startsWith('file:') || url.includes('/node_modules/')) return;
    const path = fileURLToPath(url);
    if (told.has(path)) return;
    told.add(path);
    if (untold.push(path) === 1) setImmediate(flush);
  };
  if ('registerHooks' in module) {
    (module.registerHooks as RegisterHooks)({
      load: (url, context, next) => {
        note(url);
        return next(url, context);
      },
    });
  } else {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', note).unref();
    const hooks = new URL(`data:text/javascript,${encodeURIComponent(importHooks)}`);
    module.register(hooks, { data: { port: port2 }, transferList: [port2] });
  }
  return flush;
}

function requireCache(): Readonly<Record<string, unknown>> {
  return module.createRequire(import.meta.url).cache;
}
