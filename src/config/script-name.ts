import { readMount } from '../upstream/mount.ts';
import { ConfigError } from './config.ts';

/** The path that an application is mounted at, in latin1 and without the slash at its end. Throws `ConfigError`. */
export function parseScriptName(text: string, origin: string): string {
  const mount = readMount(text);
  if (mount !== undefined) return mount.scriptName;
  throw new ConfigError(
    `${origin}: ${JSON.stringify(text)} is not a path to mount at. It begins with a slash, as in /app or /a/b, stands as it is decoded, and has no empty or dot segments.`,
  );
}
