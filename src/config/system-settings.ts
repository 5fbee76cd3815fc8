import { resolve } from 'node:path';
import { type AppTarget, shortNameOf } from '../worker/app-target.ts';
import { ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';
import { defaultsOfSettings } from './setting-defaults.ts';
import { readGroup, readUser, readUserAndGroup, type SystemUser } from './system-user.ts';

/** What the server is to the system that it runs on. */
export type SystemConfig = {
  /** Absolute; null: none is written. */
  readonly pidFile: string | null;
  readonly daemon: boolean;
  /** What the processes are called in `ps`. */
  readonly processName: string;
  /** Null: whoever starts the server. */
  readonly user: SystemUser | null;
  /** With the supplementary groups of the user; else with its one group alone. */
  readonly initGroups: boolean;
  /** Null: as the edges. */
  readonly workerUser: SystemUser | null;
  /** For the Unix sockets that clients connect to; null: the umask of whoever starts the server. */
  readonly socketUmask: number | null;
};

const maxNameLength = 64;

export function systemConfig(given: GivenSettings, app: AppTarget, directory: string): SystemConfig {
  const pid = given.pid?.value;
  return {
    pidFile: pid === undefined ? null : resolve(directory, pid),
    daemon: given.daemon?.value ?? defaultsOfSettings.daemon,
    processName: given.name?.value ?? shortNameOf(app).slice(0, maxNameLength),
    user: userFrom(given),
    initGroups: given.initgroups?.value ?? defaultsOfSettings.initgroups,
    workerUser: workerUserFrom(given),
    socketUmask: given.umask?.value ?? defaultsOfSettings.umask,
  };
}

/** `--group` alone changes the group alone. */
function userFrom({ user, group }: GivenSettings): SystemUser | null {
  if (user !== undefined) return readUser(user.value, group?.value, user.origin, group?.origin ?? user.origin);
  if (group === undefined) return null;
  return { name: null, uid: process.getuid?.() ?? 0, gid: readGroup(group.value, group.origin) };
}

/** A boundary between two users that are one, or of which one is root, would only look like one. */
function workerUserFrom(given: GivenSettings): SystemUser | null {
  const { workerUser: setting, user, workerClass, env } = given;
  if (setting === undefined) return null;
  const refuse = (problem: string): never => {
    throw new ConfigError(`${setting.origin}: ${problem}`);
  };
  if (workerClass?.value === 'inline')
    refuse('with the worker class inline there are no workers, the edges run the app.');
  const ofEdges = userFrom(given);
  if (user === undefined || ofEdges === null) return refuse('--user has to say whom the edges run as.');
  const workerUser = readUserAndGroup(setting.value, setting.origin);
  if (workerUser.uid === 0 || ofEdges.uid === 0) refuse('neither edges nor workers may be root.');
  if (workerUser.uid === ofEdges.uid) refuse('the workers need another user than the edges (--user).');
  if (workerUser.gid === ofEdges.gid) refuse('the workers need another group than the edges (--user, --group).');
  // Node reads it before a worker can give up what it has of root.
  if (env?.value.some(([name]) => name === 'NODE_OPTIONS') === true) {
    refuse('--env cannot set NODE_OPTIONS, which Node would obey as root.');
  }
  return workerUser;
}

/** For people who read `ps`: one line, no terminal sequence. */
export function parseName(text: string, origin: string): string {
  if (text !== '' && text.length <= maxNameLength && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)) return text;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is no name of 1 to ${maxNameLength} characters.`);
}

/** As Gunicorn reads it: `0027` and `0o27` are octal, `0x17` hexadecimal, `23` decimal. */
export function parseUmask(text: string, origin: string): number {
  const octal = /^0o?([0-7]+)$/i.exec(text)?.[1];
  const isOther = /^(?:0x[0-9a-f]+|0|[1-9]\d*)$/i.test(text);
  const mask = octal === undefined ? (isOther ? Number(text) : Number.NaN) : Number.parseInt(octal, 8);
  if (mask <= 0o777) return mask;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is no mask from 0 to 0777, as in 0027.`);
}

export function umaskText(mask: number): string {
  return mask.toString(8).padStart(4, '0');
}
