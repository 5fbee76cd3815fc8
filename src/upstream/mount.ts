import type { Inspection } from '../inspect/inspect.ts';

/**
 * Where in the server's paths an application lives (PEP 3333, SCRIPT_NAME; RFC 3875 section 4.1.13). Paths are compared
 * once decoded, byte by byte and on whole segments: `/app` holds `/app` and `/app/x`, and neither `/apple` nor `/APP`.
 */
export type Mount = {
  /** Empty, or `/app`: no slash at its end. */
  readonly scriptName: string;
  readonly bytes: Uint8Array;
};

const SLASH = 0x2f;
const ASTERISK = 0x2a;

/** A path to mount at as people write it: `/app`, `/app/`, decoded, in UTF-8. Undefined if no checked path lies below it. */
export function readMount(text: string): Mount | undefined {
  const path = Buffer.from(text).toString('latin1').replace(/\/$/, '');
  if (path === '') return mountAt('');
  const [beforeSlash, ...segments] = path.split('/');
  const isPath = beforeSlash === '' && segments.every((segment) => /^(?!\.\.?$)[^\x00-\x1f\x7f\\]+$/.test(segment));
  return isPath ? mountAt(path) : undefined;
}

/** `scriptName` as the configuration has it. */
export function mountAt(scriptName: string): Mount {
  return { scriptName, bytes: Uint8Array.from(scriptName, (c) => c.charCodeAt(0)) };
}

/** The inspected path lies below the mount; `*` lies everywhere. */
export function isBelow({ pathBytes, pathStart, pathEnd }: Inspection, { bytes }: Mount): boolean {
  if (bytes.length === 0 || pathBytes[pathStart] === ASTERISK) return true;
  const end = pathStart + bytes.length;
  if (end > pathEnd || (end < pathEnd && pathBytes[end] !== SLASH)) return false;
  for (let at = 0; at < bytes.length; at++) if (pathBytes[pathStart + at] !== bytes[at]) return false;
  return true;
}
