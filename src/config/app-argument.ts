import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { nearestNames } from '../suggestion/nearest-name.ts';
import type { AppTarget } from '../worker/app-target.ts';
import { ConfigError } from './config.ts';

const javaScriptFile = /\.(?:js|mjs|cjs|ts)$/;
const forms = 'A JavaScript application is path/to/module.js or path/to/module.js:name.';
/** DESIGN 7: the application could not be loaded. */
const exitAppNotLoaded = 4;

/** The APP argument: which module, and which of its exports. The module exists; nothing of it has run yet. */
export function parseAppArgument(argument: string, workingDirectory: string): AppTarget {
  const shown = JSON.stringify(argument);
  if (argument.startsWith('uwsgi://')) {
    throw new ConfigError(`${shown} is a uWSGI upstream, which is not in this version yet. ${forms}`);
  }
  const colon = javaScriptFile.test(argument) ? -1 : argument.lastIndexOf(':');
  const file = colon === -1 ? argument : argument.slice(0, colon);
  const name = colon === -1 ? null : argument.slice(colon + 1);
  if (file.includes('\0')) throw new ConfigError(`${shown} is no path. ${forms}`);
  if (!javaScriptFile.test(file)) {
    const meant = isFile(resolve(workingDirectory, `${file}.js`)) ? ` Did you mean ${file}.js?` : '';
    throw new ConfigError(
      `${shown} names a Python application (package.module:callable), which is not in this version yet.${meant} ${forms}`,
    );
  }
  if (name === '') throw new ConfigError(`${shown} ends in a colon: the name of the export is missing. ${forms}`);
  const path = resolve(workingDirectory, file);
  if (!isFile(path)) throw new ConfigError(missingModule(file, path), exitAppNotLoaded);
  return { path, name };
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function missingModule(file: string, path: string): string {
  const problem = `the application ${JSON.stringify(file)} cannot be loaded`;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return `${problem}: it is a directory.`;
  const folder = dirname(path);
  const modules = modulesIn(folder);
  if (modules === null) return `${problem}: there is no directory ${folder}.`;
  const nearest = nearestNames(basename(path), modules);
  const meant = nearest.length === 0 ? '' : ` Did you mean ${nearest.join(' or ')}?`;
  return `${problem}: there is no such file in ${folder}.${meant}`;
}

function modulesIn(folder: string): readonly string[] | null {
  try {
    return readdirSync(folder).filter((name) => javaScriptFile.test(name));
  } catch {
    return null;
  }
}
