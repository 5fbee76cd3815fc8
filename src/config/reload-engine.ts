import { ConfigError } from './config.ts';

/** Gunicorn's names. They choose between ways to see a change of a file, of which there is one here. */
export const reloadEngines = ['auto', 'poll', 'inotify'] as const;

/** Throws `ConfigError`. */
export function parseReloadEngine(text: string, origin: string): (typeof reloadEngines)[number] {
  const engine = reloadEngines.find((name) => name === text);
  if (engine !== undefined) return engine;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not one of ${reloadEngines.join(', ')}.`);
}
