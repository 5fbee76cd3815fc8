import { ConfigError } from './config.ts';

/** The path that an application is mounted at, in latin1 and without the slash at its end. Throws `ConfigError`. */
export function parseScriptName(text: string, origin: string): string {
  const path = Buffer.from(text).toString('latin1').replace(/\/$/, '');
  if (path === '') return '';
  const [beforeSlash, ...segments] = path.split('/');
  if (beforeSlash === '' && segments.every(isSegment)) return path;
  throw new ConfigError(
    `${origin}: ${JSON.stringify(text)} is not a path to mount at. It begins with a slash, as in /app or /a/b, stands as it is decoded, and has no empty or dot segments.`,
  );
}

/** One that a decoded path can have once it has passed the checks. */
function isSegment(segment: string): boolean {
  return /^[^\x00-\x1f\x7f\\]+$/.test(segment) && segment !== '.' && segment !== '..';
}
