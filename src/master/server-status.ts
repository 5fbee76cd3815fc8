import type { Config } from '../config/config.ts';
import type { ChildStatus, ServerStatus } from '../control/protocol.ts';
import { residentBytes } from '../telemetry/resident-memory.ts';
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
    name: config.processName,
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
