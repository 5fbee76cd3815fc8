import { existsSync } from 'node:fs';
import { pathIn } from '../policy/load.ts';
import { ConfigError } from './config.ts';
import { readConfigDocument } from './config-document.ts';
import type { ConfigFile } from './config-entry.ts';
import { readPythonConfig } from './config-python.ts';
import { readConfigScript } from './config-script.ts';
import { type ConfigSource, configSource, findConfigFile } from './find-config-file.ts';
import { noHooks } from './hooks.ts';
import type { PythonSurroundings } from './run-python-config.ts';

export type LoadedConfigFile = ConfigFile & {
  /** Null: there is none. */
  readonly shown: string | null;
};

const noFile: LoadedConfigFile = {
  shown: null,
  settings: new Map(),
  app: null,
  hooks: noHooks,
  workerHooks: [],
  warnings: [],
};

/**
 * The config file that a flag names, or the one of the working directory. Throws `ConfigError`, and `PolicyError` for mistakes
 * in JSON and YAML.
 */
export async function loadConfigFile(
  named: string | undefined,
  surroundings: PythonSurroundings,
): Promise<LoadedConfigFile> {
  const { workingDirectory } = surroundings;
  const found =
    named === undefined
      ? findConfigFile(workingDirectory)
      : { source: configSource(named, workingDirectory), warnings: [] };
  if (found === null) return noFile;
  const { source, warnings } = found;
  if ('path' in source && !existsSync(source.path))
    throw new ConfigError(`${source.shown}: there is no such config file.`);
  const file = await read(source, surroundings);
  return { ...file, shown: source.shown, warnings: [...warnings, ...file.warnings] };
}

async function read(source: ConfigSource, surroundings: PythonSurroundings): Promise<ConfigFile> {
  switch (source.kind) {
    case 'document':
      return readConfigDocument(pathIn(surroundings.workingDirectory, source.shown));
    case 'script':
      return readConfigScript(source.path, source.shown);
    case 'python-file':
    case 'python-module':
      return readPythonConfig(source, surroundings);
  }
}
