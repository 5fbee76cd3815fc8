import { readFileSync } from 'node:fs';

/** A worker that leaks does so over minutes; a read costs some 30 microseconds. */
const FRESH_MS = 1_000;
/** More processes than can live at once: those that are gone are forgotten with the others. */
const MAX_KEPT = 1_024;

/**
 * What processes hold in memory (VmRSS, in bytes), as Linux says it, asked for once a second and process at most. The read is
 * synchronous: it is no disk, and takes no lock that the process could hold for long.
 */
export class ResidentMemory {
  private readonly known = new Map<number, { readonly bytes: number | null; readonly at: number }>();

  /** Null where it cannot be read: the process is gone, or hidden, or this is no Linux. */
  of(pid: number, now: number): number | null {
    const last = this.known.get(pid);
    if (last !== undefined && now - last.at < FRESH_MS && now >= last.at) return last.bytes;
    if (this.known.size >= MAX_KEPT) this.known.clear();
    const bytes = residentBytes(pid);
    this.known.set(pid, { bytes, at: now });
    return bytes;
  }
}

/** Of one process, in bytes, as it is now; null as `ResidentMemory.of`. */
export function residentBytes(pid: number): number | null {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}
