import {
  connectionStates,
  counterAt,
  gaugeAt,
  type LoggedKind,
  loggedKinds,
  phasePlace,
  phases,
  ruleIds,
  statusesIn,
} from './edge-counts.ts';
import type { Exposition } from './exposition.ts';

const statusClasses = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** What the edges have counted. `logged` is what others have to say as well. Also what never happened has its line, with 0. */
export function exposeEdges(
  into: Exposition,
  counters: Float64Array,
  gauges: Float64Array,
  logged: Readonly<Record<LoggedKind, number>>,
): void {
  const counter = (place: number): number => counters[place] ?? 0;
  const gauge = (place: number): number => gauges[place] ?? 0;
  const byClass = new Array<number>(statusClasses.length).fill(0);
  for (const [status, count] of statusesIn(counters)) {
    const index = Math.floor(status / 100);
    byClass[index] = (byClass[index] ?? 0) + count;
  }
  for (const [index, status] of statusClasses.entries()) {
    into.add('portcullis_requests_total', byClass[index] ?? 0, { status });
  }
  into.addHistogram('portcullis_request_duration_seconds', counters, counterAt.total, {});
  for (const phase of phases) {
    into.addHistogram('portcullis_request_phase_duration_seconds', counters, phasePlace(phase), { phase });
  }
  into.add('portcullis_requests_in_flight', gauge(gaugeAt.inFlight), {});
  into.add('portcullis_requests_queued', gauge(gaugeAt.queued), {});
  into.add('portcullis_request_content_bytes_total', counter(counterAt.receivedBytes), {});
  into.add('portcullis_response_content_bytes_total', counter(counterAt.sentBytes), {});
  for (const [index, rule] of ruleIds.entries()) {
    into.add('portcullis_refusals_total', counter(counterAt.refused + index), { rule });
    into.add('portcullis_would_refuse_total', counter(counterAt.observed + index), { rule });
  }
  let open = 0;
  for (const [index, state] of connectionStates.entries()) {
    const connections = gauge(gaugeAt.connections + index);
    open += connections;
    into.add('portcullis_connections', connections, { state });
  }
  into.add('portcullis_connections_accepted_total', counter(counterAt.accepted), {});
  into.add('portcullis_connections_closed_total', counter(counterAt.accepted) - open, {});
  into.add('portcullis_memory_held_bytes', gauge(gaugeAt.heldBytes), {});
  into.add('portcullis_spool_bytes', gauge(gaugeAt.spoolBytes), {});
  into.addHistogram('portcullis_edge_event_loop_delay_seconds', counters, counterAt.loopDelay, {});
  into.add('portcullis_edge_event_loop_active_seconds_total', counter(counterAt.loopActiveMs) / 1_000, {});
  into.add('portcullis_edge_event_loop_idle_seconds_total', counter(counterAt.loopIdleMs) / 1_000, {});
  for (const [index, kind] of loggedKinds.entries()) {
    into.add('portcullis_log_messages_total', counter(counterAt.logged + index) + logged[kind], { kind });
  }
  into.add('portcullis_log_lines_lost_total', counter(counterAt.logLinesLost), {});
}
