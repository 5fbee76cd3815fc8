import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Room for the link sockets' names below the 107 bytes that the path of a Unix socket may have. */
const maxPathBytes = 70;

/**
 * Makes a directory that only this user may enter, for link sockets and the files where workers publish what they start.
 * It goes with the process; where that is killed outright, its edges remove it (`process/child.ts`).
 */
export function makePrivateDirectory(environment: NodeJS.ProcessEnv): { readonly path: string; remove(): void } {
  const path = makeIn(parentDirectory(environment));
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
