import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ConfigError } from './config.ts';

/** Who a process runs as. `name` is null for a number that the system has no name for, and for a group alone. */
export type SystemUser = { readonly name: string | null; readonly uid: number; readonly gid: number };

/** The largest is (uid_t) -1, which means "unchanged" to the kernel. */
const maxId = 0xffff_fffe;

type Account = { readonly name: string; readonly id: number; readonly gid: number };

/**
 * `--user` and `--group`, names or numbers. Without a group it is the user's own: Gunicorn's stays the one of root, which is
 * what its users complain about. Throws `ConfigError`.
 */
export function readUser(text: string, group: string | undefined, origin: string, ofGroup: string): SystemUser {
  const account = accountOf('passwd', text, origin);
  const gid = group === undefined ? account.gid : readGroup(group, ofGroup);
  if (gid !== undefined) return { name: account.name, uid: account.id, gid };
  throw new ConfigError(`${origin}: the system knows no user ${text}, and so no group of it: name one with --group.`);
}

export function readGroup(text: string, origin: string): number {
  return accountOf('group', text, origin).id;
}

/** `USER[:GROUP]`. */
export function readUserAndGroup(text: string, origin: string): SystemUser {
  const [user = '', group] = text.split(':', 2);
  return readUser(user, group, origin, origin);
}

type MaybeAccount = { readonly name: string | null; readonly id: number; readonly gid: number | undefined };

function accountOf(database: 'passwd' | 'group', text: string, origin: string): MaybeAccount {
  const account = find(database, text);
  if (account !== undefined) return account;
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (id <= maxId) return { name: null, id, gid: undefined };
  const kind = database === 'passwd' ? 'user' : 'group';
  throw new ConfigError(`${origin}: there is no ${kind} ${JSON.stringify(text)} on this system.`);
}

/** The file first, which needs no process; then whatever else the system asks (LDAP, systemd's dynamic users). */
function find(database: 'passwd' | 'group', text: string): Account | undefined {
  // A colon or a line end would be read as another field or another account.
  if (!/^[^:\s\0/-][^:\s\0/]*$/.test(text)) return undefined;
  return findIn(fileText(`/etc/${database}`), text) ?? findIn(databaseText(database, text), text);
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function databaseText(database: string, text: string): string {
  const { status, stdout } = spawnSync('getent', [database, text], { encoding: 'utf8', timeout: 10_000 });
  return status === 0 ? stdout : '';
}

/** A name goes before a number, as everywhere: an account may be called 1000. */
function findIn(lines: string, text: string): Account | undefined {
  const accounts = lines.split('\n').flatMap((line): readonly Account[] => {
    const [name = '', , id = '', gid = ''] = line.split(':');
    return name !== '' && /^\d+$/.test(id) ? [{ name, id: Number(id), gid: Number(gid) }] : [];
  });
  return accounts.find(({ name }) => name === text) ?? accounts.find(({ id }) => String(id) === text);
}
