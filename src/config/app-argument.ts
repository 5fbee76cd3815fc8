import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { nearestNames } from '../suggestion/nearest-name.ts';
import type { AppTarget, JavaScriptApp, PythonApp } from '../worker/app-target.ts';
import { ConfigError } from './config.ts';
import { isUwsgiArgument, parseUwsgiArgument } from './uwsgi-argument.ts';

const javaScriptFile = /\.(?:js|mjs|cjs|ts)$/;
const javaScriptForm = 'A JavaScript application is path/to/module.js or path/to/module.js:name.';
const pythonForm = 'A Python application is package.module or package.module:callable.';
/** PEP 3333 leaves the name to the server; this is Gunicorn's and mod_wsgi's. */
const defaultCallable = 'application';
/** As Python has identifiers (PEP 3131). */
const pythonModule = /^[\p{XID_Start}_][\p{XID_Continue}]*(?:\.[\p{XID_Start}_][\p{XID_Continue}]*)*$/u;
/** DESIGN 7: the application could not be loaded. */
const exitAppNotLoaded = 4;

/** The APP argument: which module, and what of it. Nothing of it has run yet. */
export function parseAppArgument(argument: string, workingDirectory: string): AppTarget {
  if (isUwsgiArgument(argument)) return parseUwsgiArgument(argument, workingDirectory);
  const shown = JSON.stringify(argument);
  if (argument.includes('\0')) throw new ConfigError(`${shown} is no path. ${javaScriptForm}`);
  const isJavaScript = javaScriptFile.test(argument) || javaScriptFile.test(beforeLastColon(argument));
  return isJavaScript ? javaScriptApp(argument, workingDirectory) : pythonApp(argument, workingDirectory);
}

function beforeLastColon(argument: string): string {
  return argument.slice(0, Math.max(0, argument.lastIndexOf(':')));
}

/** The module exists. */
function javaScriptApp(argument: string, workingDirectory: string): JavaScriptApp {
  const isWhole = javaScriptFile.test(argument);
  const file = isWhole ? argument : beforeLastColon(argument);
  const name = isWhole ? null : argument.slice(file.length + 1);
  if (name === '') {
    const shown = JSON.stringify(argument);
    throw new ConfigError(`${shown} ends in a colon: the name of the export is missing. ${javaScriptForm}`);
  }
  const path = resolve(workingDirectory, file);
  if (!isFile(path)) throw new ConfigError(missingModule(file, path), exitAppNotLoaded);
  return { kind: 'javascript', path, name };
}

/** Python alone knows where its modules are: whether there is one of this name is found out in the worker. */
function pythonApp(argument: string, workingDirectory: string): PythonApp {
  // The call of a factory may hold colons of its own, a module cannot.
  const colon = argument.indexOf(':');
  const module = colon === -1 ? argument : argument.slice(0, colon);
  const callable = colon === -1 ? defaultCallable : argument.slice(colon + 1).trim();
  const shown = JSON.stringify(argument);
  if (callable === '') throw new ConfigError(`${shown} ends in a colon: the callable is missing. ${pythonForm}`);
  const isMistaken = isFileOfPython(module, workingDirectory) || (colon === -1 && isScript(module, workingDirectory));
  if (pythonModule.test(module) && !isMistaken) return { kind: 'python', module, callable };
  const meant = meantApp(module, argument.slice(module.length), workingDirectory);
  throw new ConfigError(`${shown} is no application.${meant} ${pythonForm} ${javaScriptForm}`);
}

/** `app.py` reads like the module `py` of the package `app`, and nobody means that. */
function isFileOfPython(module: string, workingDirectory: string): boolean {
  return module.endsWith('.py') && isFile(resolve(workingDirectory, module));
}

/** Whoever leaves out the ending of `app.js`: here is a script of this name, and no module. */
function isScript(module: string, workingDirectory: string): boolean {
  const path = resolve(workingDirectory, module);
  return isFile(`${path}.js`) && !isFile(`${path}.py`) && !isFile(`${path}/__init__.py`);
}

function meantApp(module: string, rest: string, workingDirectory: string): string {
  if (module.endsWith('.py')) return ` Did you mean ${module.slice(0, -'.py'.length).replaceAll('/', '.')}${rest}?`;
  if (isFile(resolve(workingDirectory, `${module}.js`))) return ` Did you mean ${module}.js${rest}?`;
  const dotted = module.replace(/^\.\//, '').replaceAll('/', '.');
  return dotted !== module && pythonModule.test(dotted) ? ` Did you mean ${dotted}${rest}?` : '';
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
