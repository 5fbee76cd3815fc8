import type { Log } from '../telemetry/error-log.ts';
import { stackOf } from '../telemetry/stack.ts';
import { isThenable } from './answer.ts';
import type { Environ } from './app-interface.ts';
import type { Hook } from './run-hook.ts';

/** A request as hooks see it. */
export type HookRequest = {
  readonly id: string;
  readonly method: string;
  /** Decoded, as PATH_INFO. */
  readonly path: string;
  readonly query: string;
  readonly remoteAddress: string;
};

/** `pre_request` and `post_request`, around the application. They are called synchronously, and nothing waits for a promise. */
export class RequestHooks {
  readonly #before: Hook | undefined;
  readonly #after: Hook | undefined;
  readonly #worker: object;
  readonly #log: Log;
  /** Those that have failed before: a stack a request would be a flood. */
  readonly #failed = new Set<string>();

  constructor(before: Hook | undefined, after: Hook | undefined, worker: object, log: Log) {
    this.#before = before;
    this.#after = after;
    this.#worker = worker;
    this.#log = log;
  }

  /** Right before the application is called. What it answers is for `end`. */
  begin(environ: Environ): HookRequest {
    const request = Object.freeze({
      id: text(environ, 'portcullis.request_id'),
      method: text(environ, 'REQUEST_METHOD'),
      path: text(environ, 'PATH_INFO'),
      query: text(environ, 'QUERY_STRING'),
      remoteAddress: text(environ, 'REMOTE_ADDR'),
    });
    this.#run('pre_request', this.#before, [this.#worker, request]);
    return request;
  }

  /** The response has been said, or never will be. `status` is null where the client was gone before it. */
  end(request: HookRequest, environ: Environ, status: number | null): void {
    this.#run('post_request', this.#after, [this.#worker, request, environ, Object.freeze({ status })]);
  }

  #run(name: string, hook: Hook | undefined, given: readonly unknown[]): void {
    if (hook === undefined) return;
    try {
      const result = hook(...given);
      if (isThenable(result)) Promise.resolve(result).catch((error) => this.#fail(name, error));
    } catch (error) {
      this.#fail(name, error);
    }
  }

  #fail(name: string, error: unknown): void {
    const isFirst = !this.#failed.has(name);
    this.#failed.add(name);
    if (isFirst) this.#log.error(`hook ${name} failed`, stackOf(error));
    else this.#log.limited(`hook ${name}`, `hook ${name} failed again: ${String(error)}`, 'error');
  }
}

function text(environ: Environ, key: string): string {
  const value = environ[key];
  return typeof value === 'string' ? value : '';
}
