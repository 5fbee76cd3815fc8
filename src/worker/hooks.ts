import { pathToFileURL } from 'node:url';
import type { Log } from '../telemetry/error-log.ts';
import { RequestHooks } from './request-hooks.ts';
import { awaitHook, type Hook, hookLog, runHook } from './run-hook.ts';

export type WorkerHookName =
  | 'post_fork'
  | 'post_worker_init'
  | 'worker_int'
  | 'worker_abort'
  | 'pre_request'
  | 'post_request'
  | 'worker_exit';

/** What a process that runs the application is told of its hooks. */
export type HooksOrder = {
  /** The config file, absolute: a module whose default export has them. */
  readonly module: string;
  /** The names there, by Gunicorn's names. */
  readonly names: Readonly<Partial<Record<WorkerHookName, string>>>;
  readonly server: ServerFacts;
  /** Which one it is: the workers of a server are numbered in the order of their starts. */
  readonly age: number;
};

/** What hooks get to know of the server. */
export type ServerFacts = {
  readonly pid: number;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly workers: number;
};

const exitAborted = 1;

/** The hooks of a process that runs the application. Without any, nothing is imported and every call does nothing. */
export class WorkerHooks {
  readonly requests: RequestHooks | null;
  readonly #hooks: ReadonlyMap<WorkerHookName, Hook>;
  readonly #server: object;
  readonly #worker: object;
  readonly #log: Log;

  constructor(hooks: ReadonlyMap<WorkerHookName, Hook>, order: Pick<HooksOrder, 'server' | 'age'>, log: Log) {
    this.#hooks = hooks;
    this.#log = log;
    this.#server = Object.freeze({ ...order.server, log: hookLog(log) });
    this.#worker = Object.freeze({ pid: process.pid, age: order.age, log: hookLog(log) });
    const [before, after] = [hooks.get('pre_request'), hooks.get('post_request')];
    this.requests =
      before === undefined && after === undefined ? null : new RequestHooks(before, after, this.#worker, log);
    if (hooks.has('worker_abort')) process.on('SIGABRT', () => this.#abort());
    // However it ends, a kill excepted; what is not synchronous is too late then.
    if (hooks.has('worker_exit')) process.on('exit', () => this.#run('worker_exit', this.#server, this.#worker));
  }

  /** Before anything of the application is loaded. */
  postFork(): void {
    this.#run('post_fork', this.#server, this.#worker);
  }

  /** The application is loaded; no request comes before this resolves. */
  postWorkerInit(): Promise<void> {
    return awaitHook('post_worker_init', this.#hooks.get('post_worker_init'), [this.#worker], this.#log);
  }

  /** It is told to end at once. */
  workerInt(): void {
    this.#run('worker_int', this.#worker);
  }

  #abort(): never {
    this.#run('worker_abort', this.#worker);
    process.exit(exitAborted);
  }

  #run(name: WorkerHookName, ...given: readonly unknown[]): void {
    runHook(name, this.#hooks.get(name), given, this.#log);
  }
}

/** Imports the module, where the order names one. Rejects where that fails, though it did not in the master. */
export async function loadHooks(order: HooksOrder | null, log: Log): Promise<WorkerHooks> {
  if (order === null) return new WorkerHooks(new Map(), { server: nobody, age: 0 }, log);
  const { default: exported } = (await import(pathToFileURL(order.module).href)) as { readonly default?: unknown };
  const hooks = new Map<WorkerHookName, Hook>();
  for (const [name, written] of Object.entries(order.names)) {
    const hook = (exported as Readonly<Record<string, unknown>>)[written];
    if (typeof hook !== 'function') throw new Error(`${order.module} has no function ${written} any more`);
    hooks.set(name as WorkerHookName, hook as Hook);
  }
  return new WorkerHooks(hooks, order, log);
}

const nobody: ServerFacts = { pid: process.ppid, name: '', addresses: [], workers: 0 };
