import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nearestNames } from '../suggestion/nearest-name.ts';
import type { EnvironApp } from './app-interface.ts';
import type { JavaScriptApp } from './app-target.ts';

/** The operator's fault: one paragraph, and the application's own stack where it is the one that threw. */
export class AppLoadError extends Error {
  /** DESIGN section 7. */
  readonly exitCode = 4;
  readonly appStack: string | null;

  constructor(message: string, appStack: string | null = null) {
    super(message);
    this.appStack = appStack;
  }
}

const defaultNames = ['app', 'default'];
const maxListedNames = 20;
const syntaxCheckMs = 5000;

/** Imports the module, which runs it, and answers the application in it. Rejects with AppLoadError alone. */
export async function loadApp(target: Pick<JavaScriptApp, 'path' | 'name'>): Promise<EnvironApp> {
  const exported = exportsOf(await importModule(target.path));
  const name = target.name ?? defaultNames.find((candidate) => exported.has(candidate));
  const file = JSON.stringify(basename(target.path));
  if (name === undefined) {
    throw new AppLoadError(
      `${file} exports neither "app" nor a default. ${describeExports(exported, 'app')} Name one: ${basename(target.path)}:NAME`,
    );
  }
  if (!exported.has(name)) {
    throw new AppLoadError(`${file} has no export ${JSON.stringify(name)}. ${describeExports(exported, name)}`);
  }
  const app = exported.get(name);
  if (typeof app !== 'function') {
    throw new AppLoadError(`${JSON.stringify(name)} of ${file} is ${describe(app)}, not a function. ${expected}`);
  }
  return app as EnvironApp;
}

const expected = 'An application is a function app(environ, startResponse).';

async function importModule(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw loadError(path, error);
  }
}

function loadError(path: string, error: unknown): AppLoadError {
  const file = JSON.stringify(basename(path));
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && path.endsWith('.ts')) {
    return new AppLoadError(
      `${file} is TypeScript, which Node ${process.versions.node} does not run by itself: compile it to JavaScript, or use Node 22.18 or later.`,
    );
  }
  if (!(error instanceof Error)) return new AppLoadError(`${file} threw ${describe(error)} while it was loaded.`);
  if (error instanceof SyntaxError && error.stack?.includes(path) !== true) {
    const place = locateSyntaxError(path);
    if (place !== null) return new AppLoadError(`${file} cannot be parsed: ${error.message}`, place);
  }
  return new AppLoadError(`${file} failed while it was loaded: ${error.message}`, ownFrames(error));
}

/** An ES module that does not parse has no line of its own in the stack; Node prints it only where it is the main module. */
function locateSyntaxError(path: string): string | null {
  const { stderr, status } = spawnSync(process.execPath, ['--check', path], {
    encoding: 'utf8',
    timeout: syntaxCheckMs,
    env: {},
  });
  if (status === 0 || typeof stderr !== 'string') return null;
  return withoutInternalFrames(stderr.split('\n')).join('\n').trim() || null;
}

/** The stack down to where we called: what the application did, and nothing of how Node came to it. */
function ownFrames(error: Error): string | null {
  const lines = withoutInternalFrames((error.stack ?? '').split('\n'));
  const ours = lines.findIndex((line) => line.includes(import.meta.filename ?? import.meta.url));
  const kept = ours === -1 ? lines : lines.slice(0, ours);
  return kept.length > 0 ? kept.join('\n') : null;
}

function withoutInternalFrames(lines: readonly string[]): string[] {
  return lines.filter((line) => !/^\s+at .*\(?node:internal\//.test(line) && !/^Node\.js v\d/.test(line));
}

/** Of a CommonJS module, Node names only what it could guess; the rest is in the object that it exports. */
function exportsOf(namespace: Record<string, unknown>): ReadonlyMap<string, unknown> {
  const own = new Map<string, unknown>();
  for (const name of Object.keys(namespace)) if (name !== 'module.exports') own.set(name, namespace[name]);
  const { default: exported } = namespace;
  if ('module.exports' in namespace || isCommonJs(namespace)) {
    for (const [name, value] of Object.entries(exported as object)) if (!own.has(name)) own.set(name, value);
  }
  return own;
}

/** Where all names are properties of the default export, it is `module.exports`. */
function isCommonJs(namespace: Record<string, unknown>): boolean {
  const { default: exported } = namespace;
  if (typeof exported !== 'object' || exported === null) return false;
  const object = exported as Record<string, unknown>;
  return Object.keys(namespace).every((name) => name === 'default' || namespace[name] === object[name]);
}

function describeExports(exported: ReadonlyMap<string, unknown>, wanted: string): string {
  const names = [...exported.keys()];
  if (names.length === 0) return 'It exports nothing.';
  const nearest = nearestNames(wanted, names);
  const ordered = [...nearest, ...names.filter((name) => !nearest.includes(name))];
  const more = ordered.length > maxListedNames ? ` and ${ordered.length - maxListedNames} more` : '';
  return `It exports ${ordered.slice(0, maxListedNames).join(', ')}${more}.`;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'object' && 'fetch' in value) return 'an object with fetch()';
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}
