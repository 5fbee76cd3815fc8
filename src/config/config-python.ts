import { nearestNames } from '../suggestion/nearest-name.ts';
import { ConfigError } from './config.ts';
import { type ConfigEntry, type ConfigFile, type ReadEntries, readEntries } from './config-entry.ts';
import { gunicornNames } from './gunicorn-settings.ts';
import { isWorkerHook, noHooks } from './hooks.ts';
import { type PythonCode, type PythonSurroundings, runPythonConfig } from './run-python-config.ts';
import { valueInWords } from './value-in-words.ts';

export type PythonConfigExamined = ConfigFile & Pick<ReadEntries, 'mistakes'>;

/** Reads a config file of Gunicorn's. Throws `ConfigError` with all that is wrong with it. */
export async function readPythonConfig(code: PythonCode, surroundings: PythonSurroundings): Promise<ConfigFile> {
  const { mistakes, ...config } = await examinePythonConfig(code, surroundings);
  if (mistakes.length > 0) {
    throw new ConfigError(
      mistakes.map(({ entry, problem }) => `${entry.origin}: ${entry.name}: ${problem}`).join('\n'),
    );
  }
  return config;
}

/** The same with its mistakes as values. Throws `ConfigError` where Python itself fails. */
export async function examinePythonConfig(
  code: PythonCode,
  surroundings: PythonSurroundings,
): Promise<PythonConfigExamined> {
  const answer = await runPythonConfig(code, surroundings);
  if ('error' in answer)
    throw new ConfigError(`${code.shown}: Python could not evaluate this config file:\n${answer.error}`);
  const entries = answer.settings.map(({ name, line, value, unreadable }): ConfigEntry => {
    const shown = unreadable === undefined ? valueInWords(value) : `a Python ${unreadable}`;
    const asValue = unreadable === undefined ? value : { unreadable };
    return { name, value: asValue, shown, origin: line === null ? code.shown : `${code.shown}:${line}` };
  });
  // A name is a setting of Gunicorn's or it is not among the entries.
  const { unknown, hooks, warnings, ...read } = readEntries(entries);
  const ofMaster = hooks.filter(({ hook }) => !isWorkerHook(hook)).map(({ entry }) => entry);
  return {
    ...read,
    hooks: noHooks,
    workerHooks: hooks.filter(({ hook }) => isWorkerHook(hook)).map(({ entry }) => entry),
    warnings: [...warnings, ...ofMaster.map(masterHookWarning), ...unknownNames(code.shown, answer.others)],
  };
}

/** Ordinary tutorials have `def when_ready(server): ...`, mostly for a line in the log: no reason to serve nobody. */
function masterHookWarning({ origin, name }: ConfigEntry): string {
  return `${origin}: ${name}: this hook does not run, because no Python runs in the master; a function of that name in a portcullis.config.mjs does (docs/hooks.md).`;
}

/** Gunicorn says nothing of names that it does not know, which are helper variables or slips: one line tells of them. */
function unknownNames(shown: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const list = names.map((name) => {
    const [nearest] = nearestNames(name, gunicornNames, 1);
    return nearest === undefined ? name : `${name} (did you mean ${nearest}?)`;
  });
  return [`${shown} sets what is no setting of Gunicorn and has no effect: ${list.join(', ')}`];
}
