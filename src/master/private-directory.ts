import { accessSync, chmodSync, chownSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';

/** Room for the link sockets' names below the 107 bytes that the path of a Unix socket may have. */
const maxPathBytes = 70;
const sharedMode = 0o2710;

/**
 * Makes a directory that only this user may enter, for link sockets and the files where workers publish what they start.
 * It goes with the process; where that is killed outright, its edges remove it (`process/child.ts`).
 *
 * With a worker user it belongs to the edges' user, and the workers' group may pass through it to a name that it was told:
 * not list, create, rename or remove one. New files in it get that group (the setgid bit), which the edges are not in.
 */
export function makePrivateDirectory(
  environment: NodeJS.ProcessEnv,
  { user, workerUser }: Pick<Config, 'user' | 'workerUser'>,
): { readonly path: string; remove(): void } {
  const isShared = user !== null && workerUser !== null;
  // The run-time directory of root, and often its TMPDIR, lets nobody else in.
  const path = makeIn(isShared ? '/tmp' : parentDirectory(environment));
  if (isShared) {
    chownSync(path, user.uid, workerUser.gid);
    chmodSync(path, sharedMode);
  }
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  process.once('exit', remove);
  return {
    path,
    remove: () => {
      process.off('exit', remove);
      remove();
    },
  };
}

/** Root may write anywhere, it seems, and then cannot: `/proc` says so only when it is asked. */
function makeIn(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'portcullis-'));
  } catch (error) {
    if (parent === '/tmp') throw error;
    return mkdtempSync('/tmp/portcullis-');
  }
}

/** The user's run-time directory (in memory, 0700) before the shared temporary one; `/tmp` where a path is too long. */
function parentDirectory(environment: NodeJS.ProcessEnv): string {
  const candidates = [environment['XDG_RUNTIME_DIR'], tmpdir()];
  for (const candidate of candidates) {
    if (candidate === undefined || candidate === '' || Buffer.byteLength(candidate) > maxPathBytes) continue;
    try {
      accessSync(candidate, constants.W_OK | constants.X_OK);
      return candidate;
    } catch {
      // Set, but not for this user: a service started with su keeps the variable of another.
    }
  }
  return '/tmp';
}
