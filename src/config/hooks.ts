import type { WorkerHookName } from '../worker/hooks.ts';
import type { Hook } from '../worker/run-hook.ts';
import { type GunicornName, gunicornNames, gunicornSettings } from './gunicorn-settings.ts';

/**
 * Functions of a config file that is a module, which the server calls at moments of its life, by Gunicorn's names. Those of the
 * worker run in the workers, which import the module themselves: here they are names alone.
 */
export type ConfigHooks = {
  /** The module, absolute; null: there are no hooks. */
  readonly module: string | null;
  readonly master: Readonly<Partial<Record<MasterHookName, Hook>>>;
  /** The names under which the module exports them, by Gunicorn's names: `{ post_fork: 'postFork' }`. */
  readonly worker: Readonly<Partial<Record<WorkerHookName, string>>>;
};

export type MasterHookName =
  | 'on_starting'
  | 'when_ready'
  | 'on_reload'
  | 'pre_fork'
  | 'child_exit'
  | 'nworkers_changed'
  | 'pre_exec'
  | 'on_exit';

export const noHooks: ConfigHooks = { module: null, master: {}, worker: {} };

/** A hook as a config file gives it: its name there is `written`. */
export type GivenHook = { readonly written: string; readonly run: Hook };

const hookNames = gunicornNames.filter((name) => gunicornSettings[name].fate.type === 'hook');

/** `when_ready` for itself and for `whenReady`; undefined for a name that is no hook. */
export function hookName(name: string): GunicornName | undefined {
  return hookNames.find((hook) => hook === name || camelCase(hook) === name);
}

/** `whenReady` for `when_ready`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Whether Gunicorn calls it in its workers. */
export function isWorkerHook(name: GunicornName): name is GunicornName & WorkerHookName {
  const { fate } = gunicornSettings[name];
  return fate.type === 'hook' && fate.of === 'worker';
}

export function configHooks(module: string, given: ReadonlyMap<GunicornName, GivenHook>): ConfigHooks {
  if (given.size === 0) return noHooks;
  const hooks = [...given];
  return {
    module,
    master: Object.fromEntries(hooks.filter(([name]) => !isWorkerHook(name)).map(([name, { run }]) => [name, run])),
    worker: Object.fromEntries(
      hooks.filter(([name]) => isWorkerHook(name)).map(([name, { written }]) => [name, written]),
    ),
  };
}
