import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What processes use, from Linux's /proc. A process that is gone has no figures: reading them throws. */

/** The kernel counts CPU time for user space in hundredths of a second, whatever its own clock. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process and of those of its children that have ended, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in parentheses may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = Number.NaN, system = Number.NaN, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return (user + system + endedUser + endedSystem) / TICKS_PER_SECOND;
}

/** `pid` and all processes below it. */
export function processTree(pid: number): readonly number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) => readChildren(`/proc/${pid}/task/${thread}/children`));
  return [pid, ...children.flatMap(processTree)];
}

function readChildren(path: string): readonly number[] {
  try {
    return readFileSync(path, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // a thread that has just ended
  }
}

/** CPU time of whole families of processes, in seconds. */
export function treeCpuSeconds(roots: readonly number[]): number {
  return roots.flatMap(processTree).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/** CPU time of everything that ran on this machine since it started, in seconds. */
export function machineCpuSeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Memory that a process holds now. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS');
}

/** The most that it has held since its start or since `resetPeak`. */
export function peakResidentBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM');
}

/** False where the kernel does not allow it: the peak is then that of the whole life. */
export function resetPeak(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

function statusBytes(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`no ${name} of process ${pid}`);
  return Number(kilobytes) * 1024;
}

/** Descriptors that a process has open. Their listing costs as much as there are; newer kernels count them. */
export function openDescriptors(pid: number): number {
  const path = `/proc/${pid}/fd`;
  return statSync(path).size || readdirSync(path).length;
}

/** What a process runs, in a word: the script for Node (`edge`, `worker`, `cli`), else the program. */
export function programName(pid: number): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
  const script = words.find((word) => /\.[cm]?js$/.test(word) && !word.startsWith('--'));
  return script === undefined ? basename(words[0] ?? '') : basename(script).replace(/\.[cm]?js$/, '');
}
