import { readFileSync } from 'node:fs';

/** What Linux says of a process of ours, under /proc. Elsewhere, and of one that is gone: nothing. */

/** Resident memory in bytes. */
export function residentBytes(pid: number): number | null {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, 'status'))?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

/**
 * What it is doing, where it cannot say so itself: `state T (stopped)`, `state S (sleeping), in the kernel at do_wait`, and the
 * commands that it has started, since one that it waits for is a common reason. Empty: nothing is known.
 */
export function activityOf(pid: number): string {
  const state = /^State:\s+(.+)$/m.exec(read(pid, 'status'))?.[1];
  if (state === undefined) return '';
  const place = read(pid, 'wchan').trim();
  const commands = read(pid, `task/${pid}/children`)
    .split(' ')
    .filter((child) => child !== '')
    .map((child) => `${read(Number(child), 'comm').trim()} (pid:${child})`);
  return [
    `state ${state}`,
    ...(place === '' || place === '0' ? [] : [`in the kernel at ${place}`]),
    ...(commands.length === 0 ? [] : [`it has started ${commands.join(', ')}`]),
  ].join(', ');
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
