import { readFileSync } from 'node:fs';

/**
 * What a process of ours is doing, where it cannot say so itself, as Linux knows it (/proc): `state T (stopped)`, `state S (sleeping),
 * in the kernel at do_wait`, and the commands that it has started, since one that it waits for is a common reason. Empty: nothing
 * is known, as of a process that is gone.
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
