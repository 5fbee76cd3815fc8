import type { ConfigHooks, MasterHookName } from '../config/hooks.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { HooksOrder, ServerFacts } from '../worker/hooks.ts';
import { awaitHook, hookLog, runHook } from '../worker/run-hook.ts';

/**
 * The hooks of the config file that run in the master, and what its children are told of theirs (docs/hooks.md). A hook that
 * throws is a line in the log; the master goes on.
 */
export class MasterHooks {
  #hooks: ConfigHooks;
  readonly #facts: Pick<ServerFacts, 'name' | 'addresses'>;
  readonly #log: Log;
  /** As `nworkers_changed` was told last. */
  #workers: number | null = null;

  constructor(hooks: ConfigHooks, facts: Pick<ServerFacts, 'name' | 'addresses'>, log: Log) {
    this.#hooks = hooks;
    this.#facts = facts;
    this.#log = log;
  }

  /** For a process that runs the application; null: it has no hooks. */
  order(age: number): HooksOrder | null {
    const { module, worker } = this.#hooks;
    if (module === null || Object.keys(worker).length === 0) return null;
    return { module, names: worker, server: this.#server, age };
  }

  /** Before any child is started. */
  onStarting(): Promise<void> {
    return awaitHook('on_starting', this.#hooks.master.on_starting, [this.#given()], this.#log);
  }

  whenReady(): void {
    this.#run('when_ready', this.#given());
  }

  /** The configuration has been read again, and its hooks are the ones that count from now on. */
  onReload(hooks: ConfigHooks): void {
    this.#hooks = hooks;
    this.#run('on_reload', this.#given());
  }

  /** Right before a process is started that runs the application. */
  preFork(age: number): void {
    this.#run('pre_fork', this.#given(), this.#child(null, age));
  }

  /** Such a process is gone. */
  childExit(pid: number | undefined, age: number): void {
    this.#run('child_exit', this.#given(), this.#child(pid ?? null, age));
  }

  /** So many are kept now; the hook hears of it where that is another number. */
  workersKept(now: number): void {
    const before = this.#workers;
    this.#workers = now;
    if (now !== before) this.#run('nworkers_changed', this.#given(), now, before);
  }

  /** Right before a new program is started that takes over. */
  preExec(): void {
    this.#run('pre_exec', this.#given());
  }

  /** No child is left. */
  onExit(): Promise<void> {
    return awaitHook('on_exit', this.#hooks.master.on_exit, [this.#given()], this.#log);
  }

  get #server(): ServerFacts {
    return { ...this.#facts, pid: process.pid, workers: this.#workers ?? 0 };
  }

  #given(): object {
    return Object.freeze({ ...this.#server, log: hookLog(this.#log) });
  }

  #child(pid: number | null, age: number): object {
    return Object.freeze({ pid, age, log: hookLog(this.#log) });
  }

  #run(name: MasterHookName, ...given: readonly unknown[]): void {
    runHook(name, this.#hooks.master[name], given, this.#log);
  }
}
