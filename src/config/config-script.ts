import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { excerpt } from '../policy/excerpt.ts';
import { ConfigError } from './config.ts';
import { type ConfigEntry, type ConfigFile, readEntries, unknownName } from './config-entry.ts';
import { evaluationDeadlineMs } from './evaluation-deadline.ts';
import { valueInWords } from './value-in-words.ts';

/**
 * Reads a config file that is a JavaScript module: its default export is the object with the settings. It runs in this process.
 * What it imports in turn stays as it was when it was first read, as everywhere in Node. Throws `ConfigError`, also where the
 * module waits beyond the deadline; against one that computes for ever nothing helps in the same process.
 */
export async function readConfigScript(
  path: string,
  shown: string,
  deadlineMs = evaluationDeadlineMs,
): Promise<ConfigFile> {
  const exported = await defaultExport(path, shown, deadlineMs);
  if (typeof exported !== 'object' || exported === null || Array.isArray(exported)) {
    const found = valueInWords(exported);
    throw new ConfigError(`${shown}: expected an object with settings as the default export, found ${found}.`);
  }
  const entries = Object.entries(exported)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]): ConfigEntry => ({ name, value, shown: valueInWords(value), origin: shown }));
  const { mistakes, unknown, ...config } = readEntries(entries);
  const lines = [
    ...unknown.map((entry) => `${shown}: ${excerpt(entry.name)}: ${unknownName(entry)}`),
    ...mistakes.map(({ entry, problem }) => `${shown}: ${entry.name}: ${problem}`),
  ];
  if (lines.length > 0) throw new ConfigError(lines.join('\n'));
  return config;
}

async function defaultExport(path: string, shown: string, deadlineMs: number): Promise<unknown> {
  const url = pathToFileURL(path);
  // Each reading is a module of its own: a reload has to see the file as it is then.
  url.searchParams.set('reading', String(process.hrtime.bigint()));
  // A CommonJS module is kept by its path, whatever the query.
  delete createRequire(import.meta.url).cache[path];
  const evaluated: Promise<{ readonly default?: unknown }> = import(url.href);
  let deadline: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    deadline = setTimeout(() => reject(new Error(`it did not finish within ${deadlineMs / 1000} s`)), deadlineMs);
  });
  try {
    return (await Promise.race([evaluated, late])).default;
  } catch (error) {
    throw new ConfigError(`${shown}: this config file cannot be loaded: ${reason(error)}`);
  } finally {
    clearTimeout(deadline);
  }
}

/** The stack, without the parts of it that are Node's and ours: it says where in the file. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = (error.stack ?? '').split('\n').find((line) => line.includes('?reading='));
  const text = place === undefined ? error.message : `${error.message} (${place.trim()})`;
  return text.replaceAll(/\?reading=\d+/g, '');
}
