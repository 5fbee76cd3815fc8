export type MetricType = 'counter' | 'gauge' | 'histogram';
export type Metric = { readonly type: MetricType; readonly labels: readonly string[]; readonly help: string };

/**
 * Every metric that is served, in the order in which it is. Labels are closed lists (rules, states, classes) or, for `pid`,
 * processes that live: nothing that a client writes is ever one, so that no client can fill the memory of who collects them.
 */
// biome-ignore format: a table, one metric a line
export const metrics = {
  portcullis_build_info: { type: 'gauge', labels: ['version', 'node'], help: 'Always 1; the versions of Portcullis and of Node.' },
  portcullis_ready: { type: 'gauge', labels: [], help: '1 where /readyz answers 200, else 0.' },
  portcullis_requests_total: { type: 'counter', labels: ['status'], help: 'Requests that are over, refused ones included, by class of the status sent; none: the connection ended without one.' },
  portcullis_request_duration_seconds: { type: 'histogram', labels: [], help: 'From the first byte of a request to the last byte of its response.' },
  portcullis_request_phase_duration_seconds: { type: 'histogram', labels: ['phase'], help: 'The same time in its parts: receive (head, rate limits and content), queue (for a worker), app (the worker), send (to the client).' },
  portcullis_requests_in_flight: { type: 'gauge', labels: [], help: 'Requests that wait for a worker or are with one.' },
  portcullis_requests_queued: { type: 'gauge', labels: [], help: 'Requests that wait for a worker, because all are busy.' },
  portcullis_request_content_bytes_total: { type: 'counter', labels: [], help: 'Content of requests that are over, transfer coding removed.' },
  portcullis_response_content_bytes_total: { type: 'counter', labels: [], help: 'Content of responses that are over.' },
  portcullis_refusals_total: { type: 'counter', labels: ['rule'], help: 'Requests refused and connections closed, by the rule; docs/rules.md has them all.' },
  portcullis_would_refuse_total: { type: 'counter', labels: ['rule'], help: 'Requests that passed because their rule is only observed.' },
  portcullis_connections: { type: 'gauge', labels: ['state'], help: 'Open connections of clients.' },
  portcullis_connections_accepted_total: { type: 'counter', labels: [], help: 'Connections of clients that were let in.' },
  portcullis_connections_closed_total: { type: 'counter', labels: [], help: 'Those of them that are over.' },
  portcullis_memory_held_bytes: { type: 'gauge', labels: [], help: 'What connections keep waiting in memory.' },
  portcullis_memory_budget_bytes: { type: 'gauge', labels: [], help: 'What they may: memory.budgetBytes of the policy, for each edge that serves.' },
  portcullis_spool_bytes: { type: 'gauge', labels: [], help: 'Content of requests that waits in files.' },
  portcullis_edge_event_loop_delay_seconds: { type: 'histogram', labels: [], help: 'The longest delay of each second of each edge: how late it was for what happened.' },
  portcullis_edge_event_loop_active_seconds_total: { type: 'counter', labels: [], help: 'Time that edges worked.' },
  portcullis_edge_event_loop_idle_seconds_total: { type: 'counter', labels: [], help: 'Time that edges waited for something to happen.' },
  portcullis_edges: { type: 'gauge', labels: ['state'], help: 'Edge processes.' },
  portcullis_workers: { type: 'gauge', labels: ['state'], help: 'Worker processes; none with the worker class inline.' },
  portcullis_process_exits_total: { type: 'counter', labels: ['role', 'cause'], help: 'Edges and workers that ended. told: because the master had told them to; all other causes mean a restart.' },
  portcullis_process_resident_memory_bytes: { type: 'gauge', labels: ['role', 'pid'], help: 'Resident memory of each process.' },
  portcullis_jail_blocked_clients: { type: 'gauge', labels: [], help: 'Clients that the jail blocks.' },
  portcullis_rate_limit_store_up: { type: 'gauge', labels: [], help: '1 where rate limits are shared through the store, 0 in an outage. Only with a store.' },
  portcullis_rate_limit_store_outages_total: { type: 'counter', labels: [], help: 'How often the store failed. Only with a store.' },
  portcullis_policy_info: { type: 'gauge', labels: ['policy'], help: 'Always 1; the name of the policy in force.' },
  portcullis_policy_version: { type: 'gauge', labels: [], help: '1 at start, one more with each reload that brought another policy.' },
  portcullis_log_messages_total: { type: 'counter', labels: ['kind'], help: 'What the master and the edges had to say, whether it was written or not; exception: an error with a stack.' },
  portcullis_log_lines_lost_total: { type: 'counter', labels: [], help: 'Lines of the access log that could not be written.' },
  portcullis_statsd_datagrams_lost_total: { type: 'counter', labels: [], help: 'Datagrams for StatsD that could not be sent. Only with --statsd-host.' },
  process_start_time_seconds: { type: 'gauge', labels: [], help: 'When the master started, in seconds since 1970.' },
  process_cpu_seconds_total: { type: 'counter', labels: [], help: 'Processor time of the master.' },
  process_resident_memory_bytes: { type: 'gauge', labels: [], help: 'Resident memory of the master.' },
  process_open_fds: { type: 'gauge', labels: [], help: 'Open descriptors of the master.' },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;
export const metricNames = Object.keys(metrics) as readonly MetricName[];

type LabelOf<Name extends MetricName> = (typeof metrics)[Name]['labels'][number];
export type LabelsOf<Name extends MetricName> = Readonly<Record<LabelOf<Name>, string>>;
