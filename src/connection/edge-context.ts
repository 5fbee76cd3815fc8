import type { Admission } from '../admit/admission.ts';
import type { BlockedClients } from '../admit/blocked-clients.ts';
import type { Offences } from '../admit/offences.ts';
import type { ParserContext } from '../http1/request-parser.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import type { Inspection } from '../inspect/inspect.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { Recorder } from '../telemetry/recorder.ts';
import type { Dispatcher } from '../upstream/dispatch.ts';
import type { EnvironEncoder } from '../upstream/environ.ts';
import type { Mount } from '../upstream/mount.ts';
import type { Deadlines } from './deadlines.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Observations } from './observations.ts';
import type { RequestIds } from './request-id.ts';
import type { AccessLogger, RequestMeter } from './request-record.ts';
import type { SendQueues } from './send-queues.ts';
import type { Spool } from './spool.ts';

/** What all connections of an edge share. The scratch objects are safe to share because each is used within one call. */
export type Edge = {
  /** Swapped as one value; a connection reads it anew for each request. */
  policy: PolicyInForce;
  readonly parsers: ParserContext;
  readonly inspection: Inspection;
  /** Where the application lives; `environ` is of the same one. */
  readonly mount: Mount;
  readonly environ: EnvironEncoder;
  readonly responseHead: ResponseHead;
  readonly dispatcher: Dispatcher;
  readonly admission: Admission;
  readonly offences: Offences;
  readonly blocked: BlockedClients;
  readonly deadlines: Deadlines;
  readonly memory: MemoryBudget;
  readonly spool: Spool;
  readonly sendQueues: SendQueues;
  readonly log: Log;
  readonly observations: Observations;
  /** Null: nobody asked for one; likewise the meter. */
  readonly accessLog: AccessLogger | null;
  readonly meter: RequestMeter | null;
  /** Null: refused requests are not recorded. */
  readonly recorder: Recorder | null;
  /** `Date: …\r\n`, of this second. */
  dateLine(): Uint8Array;
  readonly requestIds: RequestIds;
};
