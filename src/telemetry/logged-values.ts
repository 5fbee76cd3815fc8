import { createIsoTime } from './log-time.ts';
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

/** Null: there is none. A text has one character a byte and is not escaped; a number is JSON as it is. */
type Value = { readonly isText: boolean; readonly read: (context: LogContext) => string | null };

const text = (read: Value['read']): Value => ({ isText: true, read });
const number = (read: Value['read']): Value => ({ isText: false, read });

const memory = new ResidentMemory();
const isoTime = createIsoTime();

/**
 * The fields of a JSON line, in their order, each of them an atom of a text format as well. The phases follow one another, so
 * that `receive_ms`, `queue_ms`, `app_ms` and `send_ms` add up to `total_ms`: the largest is where the time went. A request
 * that ended early ended in the last phase that is no null.
 */
export const loggedValues = {
  time: text(({ now }) => isoTime(now)),
  client: text(({ request }) => request.client || null),
  method: text(({ request }) => request.method),
  target: text(({ request }) => request.target),
  protocol: text(({ request }) => request.protocol),
  /** What came instead of a head. */
  received: text(({ request }) => (request.method === null && request.line !== '' ? request.line : null)),
  status: number(({ record }) => unlessZero(record.status)),
  rule: text(({ record }) => record.rejection?.rule ?? null),
  cut: number(({ record }) => (record.isCut ? 'true' : 'false')),
  bytes_in: number(({ record }) => String(record.receivedBytes)),
  bytes_out: number(({ record }) => String(record.sentBytes)),
  receive_ms: number(({ record }) => phase(record.startedAt, record.releasedAt, record)),
  queue_ms: number(({ record }) => phase(record.releasedAt, record.dispatchedAt, record)),
  head_ms: number(({ record }) =>
    record.answeredAt === 0 ? null : phase(record.dispatchedAt, record.answeredAt, record),
  ),
  app_ms: number(({ record }) => phase(record.dispatchedAt, record.completeAt, record)),
  send_ms: number(({ record }) => phase(record.completeAt, record.endedAt, record)),
  total_ms: number(({ record }) => phase(record.startedAt, record.endedAt, record)),
  worker_pid: number(({ record }) => unlessZero(record.workerPid)),
  worker_rss: number(({ record, now }) => unlessZero(record.workerPid === 0 ? 0 : memory.of(record.workerPid, now))),
  request_id: text(({ record, requestIdPrefix }) =>
    record.requestNumber === 0 ? null : requestIdPrefix + record.requestNumber,
  ),
  policy: text(({ record }) => record.policy),
  route: text(({ record }) => record.route),
  host: text(({ request }) => request.field('host') ?? null),
  referer: text(({ request }) => request.field('referer') ?? null),
  user_agent: text(({ request }) => request.field('user-agent') ?? null),
} as const satisfies Readonly<Record<string, Value>>;

export type LoggedName = keyof typeof loggedValues;
export const loggedNames = Object.keys(loggedValues) as readonly LoggedName[];

/** The request fields behind the values that come from one. */
export const fieldBehind: Readonly<Partial<Record<LoggedName, string>>> = {
  host: 'host',
  referer: 'referer',
  user_agent: 'user-agent',
};

function unlessZero(value: number | null): string | null {
  return value === null || value === 0 ? null : String(value);
}

/** `.001` to `.999`: a double as text costs as much as the rest of a line. */
const thousandths = Array.from({ length: 1000 }, (_, index) => String(index / 1000).slice(1));

/** In milliseconds, to the microsecond. Where its end did not come, the request ended in it. */
function phase(start: number, end: number, { endedAt }: RecordToLog): string | null {
  if (start === 0) return null;
  const microseconds = Math.round(((end === 0 ? endedAt : end) - start) * 1000);
  const whole = Math.floor(microseconds / 1000);
  return whole + (thousandths[microseconds - whole * 1000] ?? '');
}
