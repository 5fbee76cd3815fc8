import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { ConfigError } from './config.ts';

/** Where more settings are, by the way they are read. `shown` is how the operator would call it. */
export type ConfigSource = { readonly shown: string } & (
  | { readonly kind: 'document'; readonly path: string }
  | { readonly kind: 'script'; readonly path: string }
  | { readonly kind: 'python-file'; readonly path: string }
  | { readonly kind: 'python-module'; readonly module: string }
);

export type FoundConfig = { readonly source: ConfigSource; readonly warnings: readonly string[] };

const ownNames = ['json', 'yaml', 'yml', 'mjs'].map((ending) => `portcullis.config.${ending}`);
const gunicornName = 'gunicorn.conf.py';

/** What `-c` names, in Gunicorn's forms too: `FILE`, `file:FILE`, `python:package.module`. */
export function configSource(argument: string, workingDirectory: string): ConfigSource {
  if (argument.startsWith('python:')) {
    return { kind: 'python-module', module: argument.slice('python:'.length), shown: argument };
  }
  const shown = argument.replace(/^file:/, '');
  return { kind: kindOf(shown), path: resolve(workingDirectory, shown), shown };
}

/** Gunicorn evaluates files with any ending, so what is none of ours is Python. */
function kindOf(path: string): 'document' | 'script' | 'python-file' {
  const ending = extname(path).toLowerCase();
  if (['.json', '.yaml', '.yml'].includes(ending)) return 'document';
  return ['.mjs', '.js', '.cjs'].includes(ending) ? 'script' : 'python-file';
}

/**
 * The config file of a directory, where no flag names one: `portcullis.config.*`, else `gunicorn.conf.py`. Throws `ConfigError`
 * where it has two of the first: nobody could say which one counts.
 */
export function findConfigFile(workingDirectory: string): FoundConfig | null {
  const isThere = (name: string): boolean => existsSync(resolve(workingDirectory, name));
  const [name, second] = ownNames.filter(isThere);
  if (second !== undefined) {
    throw new ConfigError(
      `there are two config files, ${name} and ${second}. Remove one, or name the one that counts: -c ${name}.`,
    );
  }
  const hasGunicorns = isThere(gunicornName);
  if (name !== undefined) {
    const warnings = hasGunicorns ? [`${gunicornName} is not read, because there is ${name}.`] : [];
    return { source: configSource(name, workingDirectory), warnings };
  }
  return hasGunicorns ? { source: configSource(gunicornName, workingDirectory), warnings: [] } : null;
}
