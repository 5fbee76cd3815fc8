import { readFileSync } from 'node:fs';
import { arch, cpus, release } from 'node:os';
import { machineCpuSeconds, treeCpuSeconds } from './process-usage.ts';

/** What figures depend on besides the code. */
export type Machine = { readonly cpus: number; readonly model: string; readonly kernel: string; readonly node: string };

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpus: all.length,
    model: all[0]?.model.trim() ?? arch(),
    kernel: release(),
    node: process.versions.node,
  };
}

/** Everything here is read from Linux's /proc. */
export function isSupported(): boolean {
  try {
    return readFileSync('/proc/self/stat').length > 0;
  } catch {
    return false;
  }
}

/**
 * How much of the machine others used while we measured, as a share of all its CPUs (0 to 1): what makes figures of one
 * day incomparable with another's. Processes of ours have to have ended and been waited for, or still live.
 */
export function watchOthers(): () => number {
  const start = { at: performance.now(), all: machineCpuSeconds(), ours: treeCpuSeconds([process.pid]) };
  return () => {
    const seconds = ((performance.now() - start.at) / 1000) * cpus().length;
    const all = machineCpuSeconds() - start.all;
    const ours = treeCpuSeconds([process.pid]) - start.ours;
    return Math.max(0, (all - ours) / seconds);
  };
}
