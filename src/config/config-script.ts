import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { excerpt } from '../policy/excerpt.ts';
import type { Hook } from '../worker/run-hook.ts';
import { ConfigError } from './config.ts';
import {
  type ConfigEntry,
  type ConfigFile,
  type EntryMistake,
  type HookEntry,
  type ReadEntries,
  readEntries,
  unknownName,
} from './config-entry.ts';
import { evaluationDeadlineMs } from './evaluation-deadline.ts';
import type { GunicornName } from './gunicorn-settings.ts';
import { configHooks, type GivenHook } from './hooks.ts';
import { valueInWords } from './value-in-words.ts';

/**
 * Reads a config file that is a JavaScript module: its default export is the object with the settings. It runs in this process.
 * What it imports in turn stays as it was when it was first read, as everywhere in Node. Throws `ConfigError` and nothing else,
 * whatever the module throws.
 */
export async function readConfigScript(
  path: string,
  shown: string,
  deadlineMs = evaluationDeadlineMs,
): Promise<ConfigFile> {
  let read: ReadEntries;
  try {
    // Getters and proxies are code of the module as well.
    read = readEntries(entriesOf(await withinDeadline(defaultExport(path), deadlineMs), shown));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${shown}: this config file cannot be loaded: ${reason(error)}`);
  }
  const { mistakes, unknown, hooks, ...config } = read;
  const lines = [
    ...unknown.map((entry) => `${shown}: ${excerpt(entry.name)}: ${unknownName(entry)}`),
    ...[...mistakes, ...notFunctions(hooks)].map(({ entry, problem }) => `${shown}: ${entry.name}: ${problem}`),
  ];
  if (lines.length > 0) throw new ConfigError(lines.join('\n'));
  return { ...config, hooks: configHooks(path, functionsOf(hooks)), workerHooks: [] };
}

function notFunctions(hooks: readonly HookEntry[]): readonly EntryMistake[] {
  return hooks
    .filter(({ entry }) => typeof entry.value !== 'function')
    .map(({ entry }) => ({ entry, at: 'value', problem: `expected a function, found ${entry.shown}` }));
}

function functionsOf(hooks: readonly HookEntry[]): ReadonlyMap<GunicornName, GivenHook> {
  return new Map(hooks.map(({ entry, hook }) => [hook, { written: entry.name, run: entry.value as Hook }] as const));
}

function entriesOf(exported: unknown, shown: string): readonly ConfigEntry[] {
  if (typeof exported !== 'object' || exported === null || Array.isArray(exported)) {
    const found = valueInWords(exported);
    throw new ConfigError(`${shown}: expected an object with settings as the default export, found ${found}.`);
  }
  return Object.entries(exported)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]): ConfigEntry => ({ name, value, shown: valueInWords(value), origin: shown }));
}

async function defaultExport(path: string): Promise<unknown> {
  const url = pathToFileURL(path);
  // Each reading is a module of its own: a reload has to see the file as it is then.
  url.searchParams.set('reading', String(process.hrtime.bigint()));
  // A CommonJS module is kept by its path, whatever the query.
  delete createRequire(import.meta.url).cache[path];
  const module: { readonly default?: unknown } = await import(url.href);
  return module.default;
}

/** An `await` that never ends; code that spins holds up its own process, and nothing here can end that. */
async function withinDeadline<Value>(value: Promise<Value>, milliseconds: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not finish within ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The stack, without the parts of it that are Node's and ours: it says where in the file. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : inspect(error);
  const place = (error.stack ?? '').split('\n').find((line) => line.includes('?reading='));
  const text = place === undefined ? error.message : `${error.message} (${place.trim()})`;
  return text.replaceAll(/\?reading=\d+/g, '');
}
