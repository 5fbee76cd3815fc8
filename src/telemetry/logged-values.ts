import type { LoggedRequest } from './logged-request.ts';
import { ResidentMemory } from './resident-memory.ts';

/** What the access log reads of a request's record; times are those of `performance.now()`, 0: it did not come to that. */
export type RecordToLog = {
  readonly startedAt: number;
  readonly releasedAt: number;
  readonly dispatchedAt: number;
  readonly answeredAt: number;
  readonly completeAt: number;
  readonly endedAt: number;
  readonly status: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly workerPid: number;
  readonly requestNumber: number;
  readonly route: string | null;
  readonly policy: string;
  readonly rejection: { readonly rule: string } | null;
  readonly isCut: boolean;
  readonly notes: object | null;
};

/** All that a line is made of. `now` is of the wall clock. */
export type LogContext = {
  readonly request: LoggedRequest;
  readonly record: RecordToLog;
  readonly now: number;
  readonly requestIdPrefix: string;
};

type Value = string | number | boolean | null;

const memory = new ResidentMemory();

/**
 * The fields of a JSON line, in their order, each of them an atom of a text format as well. The phases follow one another, so
 * that `receive_ms`, `queue_ms`, `app_ms` and `send_ms` add up to `total_ms`: the largest is where the time went. A request
 * that ended early ended in the last phase that is no null.
 */
export const loggedValues = {
  time: ({ now }) => new Date(now).toISOString(),
  client: ({ request }) => request.client || null,
  method: ({ request }) => request.method,
  target: ({ request }) => request.target,
  protocol: ({ request }) => request.protocol,
  /** What came instead of a head. */
  received: ({ request }) => (request.method === null && request.line !== '' ? request.line : null),
  status: ({ record }) => record.status || null,
  rule: ({ record }) => record.rejection?.rule ?? null,
  cut: ({ record }) => record.isCut,
  bytes_in: ({ record }) => record.receivedBytes,
  bytes_out: ({ record }) => record.sentBytes,
  receive_ms: ({ record }) => phase(record.startedAt, record.releasedAt, record),
  queue_ms: ({ record }) => phase(record.releasedAt, record.dispatchedAt, record),
  head_ms: ({ record }) => (record.answeredAt === 0 ? null : phase(record.dispatchedAt, record.answeredAt, record)),
  app_ms: ({ record }) => phase(record.dispatchedAt, record.completeAt, record),
  send_ms: ({ record }) => phase(record.completeAt, record.endedAt, record),
  total_ms: ({ record }) => phase(record.startedAt, record.endedAt, record),
  worker_pid: ({ record }) => record.workerPid || null,
  worker_rss: ({ record, now }) => (record.workerPid === 0 ? null : memory.of(record.workerPid, now)),
  request_id: ({ record, requestIdPrefix }) =>
    record.requestNumber === 0 ? null : `${requestIdPrefix}${record.requestNumber}`,
  policy: ({ record }) => record.policy,
  route: ({ record }) => record.route,
  host: ({ request }) => request.field('host') ?? null,
  referer: ({ request }) => request.field('referer') ?? null,
  user_agent: ({ request }) => request.field('user-agent') ?? null,
} as const satisfies Readonly<Record<string, (context: LogContext) => Value>>;

export type LoggedName = keyof typeof loggedValues;
export const loggedNames = Object.keys(loggedValues) as readonly LoggedName[];

/** The request fields behind the values that come from one. */
export const fieldBehind: Readonly<Partial<Record<LoggedName, string>>> = {
  host: 'host',
  referer: 'referer',
  user_agent: 'user-agent',
};

/** In milliseconds, to the microsecond. Where its end did not come, the request ended in it. */
function phase(start: number, end: number, { endedAt }: RecordToLog): number | null {
  if (start === 0) return null;
  return Math.round(((end === 0 ? endedAt : end) - start) * 1000) / 1000;
}
