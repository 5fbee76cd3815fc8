import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { root } from './program.ts';

/** Users and groups that every Debian has, apart from each other and from root. */
export const edgeUser = { name: 'www-data', uid: 33, gid: 33 } as const;
export const workerUser = { name: 'games', uid: 5, gid: 60 } as const;

/** Why tests that change users cannot run here; false where they can. */
export const cannotChangeUsers: string | false =
  process.geteuid?.() !== 0
    ? 'needs root, to become other users'
    : isOpenToAll(root)
      ? false
      : `other users cannot read ${root}; the checkout has to be where they can`;

function isOpenToAll(path: string): boolean {
  return (statSync(path).mode & 0o001) !== 0 && (path === '/' || isOpenToAll(dirname(path)));
}

/** Of a log: what it says whoever has started the server. */
export function withoutWarningOfRoot(log: string): string {
  return log.replace(/^.*\[WARNING\] Running as root.*\n/gm, '');
}
