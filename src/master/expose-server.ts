import { exposeEdges } from '../telemetry/metrics/expose-edges.ts';
import { Exposition } from '../telemetry/metrics/exposition.ts';
import { openDescriptors } from '../telemetry/metrics/open-descriptors.ts';
import { residentBytes } from '../telemetry/resident-memory.ts';
import type { ChildState } from './child-handle.ts';
import { exitCauses } from './exit-cause.ts';
import type { Metrics, Role } from './metrics.ts';
import type { StoreHealth } from './token-store.ts';

type Child = { readonly pid: number | undefined; readonly state: ChildState };

/** All that there is to tell, as it is now. */
export type ServerReadings = {
  readonly version: string;
  readonly isReady: boolean;
  readonly edges: readonly Child[];
  readonly workers: readonly Child[];
  readonly policy: { readonly name: string; readonly version: number; readonly budgetBytes: number };
  readonly blockedClients: number;
  /** Null: there is no store. */
  readonly store: StoreHealth | null;
};

/** One who is gone is none of them. */
const childStates = ['booting', 'serving', 'draining', 'stopping'] as const satisfies readonly ChildState[];

export function exposeServer(metrics: Metrics, server: ServerReadings): string {
  const into = new Exposition();
  const { totals } = metrics.measurements;
  into.add('portcullis_build_info', 1, { version: server.version, node: process.version });
  into.add('portcullis_ready', server.isReady ? 1 : 0, {});
  exposeEdges(into, totals.counters, totals.gauges, metrics.logged);
  const serving = server.edges.filter(({ state }) => state === 'serving').length;
  into.add('portcullis_memory_budget_bytes', server.policy.budgetBytes * serving, {});
  for (const state of childStates) {
    into.add('portcullis_edges', countIn(state, server.edges), { state });
    into.add('portcullis_workers', countIn(state, server.workers), { state });
  }
  exposeExits(into, metrics);
  exposeMemory(into, 'edge', server.edges);
  exposeMemory(into, 'worker', server.workers);
  exposeMemory(into, 'master', [process]);
  into.add('portcullis_jail_blocked_clients', server.blockedClients, {});
  if (server.store !== null) {
    into.add('portcullis_rate_limit_store_up', server.store.isUp ? 1 : 0, {});
    into.add('portcullis_rate_limit_store_outages_total', server.store.outages, {});
  }
  into.add('portcullis_policy_info', 1, { policy: server.policy.name });
  into.add('portcullis_policy_version', server.policy.version, {});
  if (metrics.statsdLost !== null) into.add('portcullis_statsd_datagrams_lost_total', metrics.statsdLost, {});
  exposeMaster(into);
  return into.text;
}

function countIn(state: ChildState, children: readonly Child[]): number {
  return children.filter((child) => child.state === state).length;
}

function exposeExits(into: Exposition, { exits }: Metrics): void {
  for (const role of ['edge', 'worker'] as const) {
    for (const cause of exitCauses) {
      into.add('portcullis_process_exits_total', exits.get(`${role} ${cause}`) ?? 0, { role, cause });
    }
  }
}

function exposeMemory(
  into: Exposition,
  role: Role | 'master',
  processes: readonly { readonly pid: number | undefined }[],
): void {
  for (const { pid } of processes) {
    const bytes = pid === undefined ? null : residentBytes(pid);
    if (bytes !== null) into.add('portcullis_process_resident_memory_bytes', bytes, { role, pid: String(pid) });
  }
}

/** Under the names that every client library of Prometheus gives its own process. */
function exposeMaster(into: Exposition): void {
  const { user, system } = process.cpuUsage();
  into.add('process_start_time_seconds', Math.round(performance.timeOrigin) / 1_000, {});
  into.add('process_cpu_seconds_total', (user + system) / 1e6, {});
  into.add('process_resident_memory_bytes', process.memoryUsage.rss(), {});
  const descriptors = openDescriptors();
  if (descriptors !== null) into.add('process_open_fds', descriptors, {});
}
