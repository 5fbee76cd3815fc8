import type { Grant } from '../admit/token-buckets.ts';
import type { Take } from '../admit/token-requests.ts';
import type { Policy } from '../policy/policy.ts';
import type { LogLevel } from '../telemetry/error-log.ts';
import type { AccessLogConfig, ErrorLogFormat } from '../telemetry/log-destinations.ts';
import type { RecordingOptions } from '../telemetry/recorder.ts';
import type { AppTarget } from '../worker/app-target.ts';

/**
 * What master and children say to each other: one JSON object a line over the socket pair at descriptor 3.
 * Descriptor 4 is the lifeline: a thread of the child blocks in a read of it and ends the process when the master dies.
 */
export type EdgeStart = {
  readonly type: 'start';
  readonly listeners: readonly ListenerDescription[];
  readonly backlog: number;
  readonly policy: Policy;
  readonly logLevel: LogLevel;
  /** Where link sockets are made: 0700, owned by the master. */
  readonly privateDirectory: string;
  /** Requests that may run in one worker at once. */
  readonly workerConnections: number;
  /** Where the application is mounted, in latin1; empty for all paths. */
  readonly scriptName: string;
  /** Null: nobody asked for one. */
  readonly accessLog: AccessLogConfig | null;
  readonly errorLogFormat: ErrorLogFormat;
  /** Null: refused requests are not recorded. */
  readonly record: RecordingOptions | null;
  /** Present where the app runs inside the edge (`-k inline`). */
  readonly inlineApp: AppTarget | null;
};

/** A bound socket that an edge listens on. `serverName` and `serverPort` become SERVER_NAME and SERVER_PORT. */
export type ListenerDescription = {
  readonly descriptor: number;
  readonly url: string;
  readonly serverName: string;
  readonly serverPort: string;
};

export type MasterToEdge =
  | EdgeStart
  /** Make a link socket for this worker, answer `link-ready`. */
  | { readonly type: 'expect-worker'; readonly worker: number; readonly pid: number }
  | PolicyOrder
  | TokenGrants
  /** Refuse these clients for so long; 0: no longer. */
  | { readonly type: 'blocked'; readonly clients: readonly (readonly [client: string, forMs: number])[] }
  /** The names of log files belong to others by now (USR1). */
  | { readonly type: 'reopen-logs' }
  /** Accept no more, finish what runs, exit 0. */
  | { readonly type: 'drain' }
  /** Exit now. */
  | { readonly type: 'stop' };

/** Serve no further request under another policy, answer `policy-in-force`. Versions count up. */
export type PolicyOrder = { readonly type: 'policy'; readonly version: number; readonly policy: Policy };

/** The answer to `take-tokens`, in the order of its takes. */
export type TokenGrants = { readonly type: 'tokens'; readonly batch: number; readonly answers: readonly Grant[] };

export type EdgeToMaster =
  | { readonly type: 'started' }
  | { readonly type: 'policy-in-force'; readonly version: number }
  /** All that one turn of the edge's event loop asks for. Batches are answered as they are ready, not in their order. */
  | { readonly type: 'take-tokens'; readonly batch: number; readonly takes: readonly Take[] }
  /** Points of the jail, summed up since the last such message. */
  | { readonly type: 'offences'; readonly clients: readonly (readonly [client: string, score: number])[] }
  | {
      readonly type: 'link-ready';
      readonly worker: number;
      readonly path: string;
      readonly token: string;
      readonly startedPath: string;
    }
  | ChildFailed;

export type MasterToWorker =
  | {
      readonly type: 'start';
      readonly app: AppTarget;
      readonly logLevel: LogLevel;
      readonly errorLogFormat: ErrorLogFormat;
    }
  /** Connect to an edge's link socket and say hello with this token. */
  | { readonly type: 'connect'; readonly path: string; readonly token: string; readonly startedPath: string }
  | { readonly type: 'drain' }
  | { readonly type: 'stop' };

export type WorkerToMaster = { readonly type: 'started' } | ChildFailed;

/** The child could not start and exits next. `exitCode` as in DESIGN: 3 boot, 4 app, 2 usage, 1 otherwise. */
export type ChildFailed = { readonly type: 'failed'; readonly exitCode: number; readonly message: string };
