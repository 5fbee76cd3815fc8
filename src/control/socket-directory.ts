import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Where servers of a user put their control sockets, `<pid>.ctl` each, and where `portcullis ctl` looks for them. Node cannot
 * ask a Unix socket who is at its other end, so the directory is the protection: only its owner may enter it. In a shared
 * directory for temporary files somebody else may have made it first, or a link of that name, so it is looked at before use.
 */
export const socketEnding = '.ctl';

type Environment = Readonly<Record<string, string | undefined>>;

/** The user's run-time directory first, as for the private directory of a server. */
export function socketDirectories(environment: Environment, user: number): readonly string[] {
  const runtime = environment['XDG_RUNTIME_DIR'];
  const shared = join(tmpdir(), `portcullis-${user}`);
  return runtime === undefined || runtime === '' ? [shared] : [join(runtime, 'portcullis'), shared];
}

/** Makes it where it is missing. Answers what is wrong with it, or nothing. */
export function prepareDirectory(path: string, user: number): string | undefined {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) return error instanceof Error ? error.message : String(error);
  }
  return directoryFault(path, user);
}

/** What is wrong with a directory that is there; undefined: it is this user's alone. */
export function directoryFault(path: string, user: number): string | undefined {
  const directory = lstatSync(path, { throwIfNoEntry: false });
  if (directory === undefined) return `there is no directory ${path}`;
  if (!directory.isDirectory()) return `${path} is no directory`;
  if (directory.uid !== user) return `${path} belongs to another user`;
  if ((directory.mode & 0o077) !== 0) return `${path} is open to other users`;
  // Whoever owns the directory above, where it is not a shared one with the sticky bit, can put another in its place.
  const above = lstatSync(dirname(path), { throwIfNoEntry: false });
  const isSafe = above !== undefined && (above.uid === user || above.uid === 0 || (above.mode & 0o1000) !== 0);
  return isSafe ? undefined : `${dirname(path)} belongs to another user`;
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
