/** Who a process becomes. `name` is null where the system has no name for the number, or where the user stays. */
export type Identity = {
  readonly name: string | null;
  readonly uid: number;
  readonly gid: number;
  /** With the supplementary groups of `name`; else with `gid` alone. */
  readonly initGroups: boolean;
};

/**
 * Gives up what this process has of root for good, in the only order that works: groups while root may still set them, the
 * user last. Supplementary groups of whoever started us never stay. Throws where the system refuses, and where root could be
 * had back: a server that only looks harmless must not start.
 */
export function takeIdentity({ name, uid, gid, initGroups }: Identity): void {
  // The types of Node leave `initgroups` out.
  const { initgroups } = process as unknown as { readonly initgroups?: (user: string, extraGroup: number) => void };
  const { geteuid, getegid, setgroups, setgid, setuid } = process;
  if (!(geteuid && getegid && setgroups && initgroups && setgid && setuid)) throw new Error('this system has no users');
  if (geteuid() === 0) {
    if (initGroups && name !== null) initgroups(name, gid);
    else setgroups([gid]);
  }
  if (getegid() !== gid) setgid(gid);
  if (geteuid() !== uid) setuid(uid);
  if (geteuid() !== uid || getegid() !== gid) throw new Error(`this process is ${geteuid()}:${getegid()} still`);
  if (uid !== 0 && mayBecomeRoot(setuid)) throw new Error('root can be had back');
}

/** Real, effective and saved ids have to be another's, and no capability may be left. */
function mayBecomeRoot(setuid: (id: number) => void): boolean {
  try {
    setuid(0);
    return true;
  } catch {
    return false;
  }
}
