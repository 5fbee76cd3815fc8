import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { ChildStatus, ServerStatus } from '../control/protocol.ts';
import { appName } from '../worker/load-app.ts';
import type { PoolChild } from './child-pool.ts';

export type ServerParts = {
  readonly config: Config;
  readonly phase: string;
  readonly policy: string;
  readonly listeners: readonly { readonly url: string }[];
  readonly edges: readonly PoolChild[];
  readonly workers: readonly PoolChild[];
  readonly blockedClients: number;
};

/** What `portcullis ctl status` shows of a server. */
export function serverStatus(parts: ServerParts): ServerStatus {
  const { config, phase, policy, listeners, edges, workers, blockedClients } = parts;
  return {
    version: config.version,
    pid: process.pid,
    name: appName(config.app),
    phase,
    uptimeSeconds: Math.floor(process.uptime()),
    listeners: listeners.map(({ url }) => url),
    workerClass: config.workerClass,
    policy,
    blockedClients,
    edges: edges.map(childStatus),
    workers: workers.map(childStatus),
  };
}

function childStatus({ pid, state, livedMs }: PoolChild): ChildStatus {
  return {
    pid: pid ?? null,
    state,
    ageSeconds: Math.floor(livedMs / 1000),
    rssBytes: pid === undefined ? null : residentBytes(pid),
  };
}

/** Linux says it in kB. */
function residentBytes(pid: number): number | null {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    // Gone meanwhile, or another system.
    return null;
  }
}
