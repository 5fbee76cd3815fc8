import type { ClientCount } from '../admit/client-key.ts';
import type { Grant } from '../admit/token-buckets.ts';
import type { Take } from '../admit/token-requests.ts';
import type { Policy } from '../policy/policy.ts';
import type { LogLevel } from '../telemetry/error-log.ts';
import type { AccessLogConfig, ErrorLogFormat } from '../telemetry/log-destinations.ts';
import type { EdgeReport } from '../telemetry/metrics/edge-counts.ts';
import type { RecordingOptions } from '../telemetry/recorder.ts';
import type { JavaScriptApp, PythonApp, PythonWorkerClass } from '../worker/app-target.ts';
import type { HooksOrder } from '../worker/hooks.ts';
import type { UwsgiAddress } from '../worker/uwsgi-target.ts';

/**
 * What master and children say to each other: one JSON object a line over the socket pair at descriptor 3.
 * Descriptor 4 is the lifeline: a thread of the child waits for its end and ends the process when the master dies.
 */

/** Of every child: its main thread answers at once, if it does anything at all. */
export type Ping = { readonly type: 'ping' /** `timeouts.worker` as it is in force. */; readonly workerMs: number };
export type Pong = { readonly type: 'pong' };

export type EdgeStart = {
  readonly type: 'start';
  readonly listeners: readonly ListenerDescription[];
  readonly backlog: number;
  readonly policy: Policy;
  readonly logLevel: LogLevel;
  /** Where link sockets are made: 0700, or with a worker user 2710 with the workers' group. */
  readonly privateDirectory: string;
  /** The workers are another user: what they open of a link is for the group of the directory. */
  readonly sharesLinks: boolean;
  /** Requests that may run in one worker at once. */
  readonly requestsPerWorker: number;
  /** More may wait at a worker that runs so many, as long as it is quick (`AnswerPace`). */
  readonly mayWaitAtWorker: boolean;
  /** Where the application is mounted, in latin1; empty for all paths. */
  readonly scriptName: string;
  /** Null: nobody asked for one. */
  readonly accessLog: AccessLogConfig | null;
  readonly errorLogFormat: ErrorLogFormat;
  /** Null: refused requests are not recorded. */
  readonly record: RecordingOptions | null;
  /** Null: nobody asked for metrics. `timings`: how many durations of requests a report may have. */
  readonly metrics: { readonly timings: number } | null;
  /** Present where the app runs inside the edge (`-k inline`). */
  readonly inlineApp: JavaScriptApp | null;
  /** Present where the app runs in uWSGI servers. */
  readonly upstream: readonly UwsgiAddress[] | null;
  /** Of an edge that runs the application. */
  readonly hooks: HooksOrder | null;
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
  /** This worker is about to be killed for its silence: tell of its requests, answer `silence-noted`. */
  | { readonly type: 'worker-silent'; readonly worker: number }
  /** This worker goes: hand it no request that comes from now on. */
  | { readonly type: 'worker-leaves'; readonly worker: number }
  /** Refuse these clients for so long; 0: no longer. */
  | { readonly type: 'blocked'; readonly clients: readonly (readonly [client: string, forMs: number])[] }
  /** The other edges have so many connections of these clients; of the surplus, end so many of your newest ones. */
  | {
      readonly type: 'client-counts';
      readonly others: readonly ClientCount[];
      readonly surplus: readonly ClientCount[];
    }
  /** The names of log files belong to others by now (USR1). */
  | { readonly type: 'reopen-logs' }
  /** Answer `measured` with this id. */
  | { readonly type: 'measure'; readonly id: number }
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
  /** What this worker leaves unanswered will be put down to its silence. */
  | { readonly type: 'silence-noted'; readonly worker: number }
  /** All that one turn of the edge's event loop asks for. Batches are answered as they are ready, not in their order. */
  | { readonly type: 'take-tokens'; readonly batch: number; readonly takes: readonly Take[] }
  /** Connections that these clients have here now, where their number has changed. */
  | { readonly type: 'client-counts'; readonly counts: readonly ClientCount[] }
  /** So many of the upstream's servers are known to be there. */
  | { readonly type: 'upstream-reachable'; readonly servers: number }
  /** Points of the jail, summed up since the last such message. */
  | { readonly type: 'offences'; readonly clients: readonly (readonly [client: string, score: number])[] }
  | {
      readonly type: 'link-ready';
      readonly worker: number;
      readonly path: string;
      readonly token: string;
      readonly startedPath: string;
    }
  /** `id` is 0 where nobody has asked: once a second, and at the end. */
  | { readonly type: 'measured'; readonly id: number; readonly report: EdgeReport }
  | ChildFailed;

export type MasterToWorker<Start extends WorkerStart = WorkerStart> =
  | Start
  /** Connect to an edge's link socket and say hello with this token. */
  | { readonly type: 'connect'; readonly path: string; readonly token: string; readonly startedPath: string }
  | { readonly type: 'drain' }
  | { readonly type: 'stop' };

export type WorkerStart = JavaScriptWorkerStart | PythonWorkerStart;

export type JavaScriptWorkerStart = CommonWorkerStart & { readonly app: JavaScriptApp };

/** To src/worker/_portcullis_worker/boot.py. */
export type PythonWorkerStart = CommonWorkerStart & {
  readonly app: PythonApp;
  readonly python: {
    readonly workerClass: PythonWorkerClass;
    readonly threads: number;
    /** Greenlets that run requests at once. */
    readonly connections: number;
    /** There are other workers. */
    readonly multiprocess: boolean;
    /** Absolute directories, ahead of all others in `sys.path` but the working directory. */
    readonly pythonPath: readonly string[];
  };
};

type CommonWorkerStart = {
  readonly type: 'start';
  readonly logLevel: LogLevel;
  readonly errorLogFormat: ErrorLogFormat;
  /** Tell the master once so many requests have been begun; 0: never. */
  readonly maxRequests: number;
  /** Tell the master which files the application has loaded. */
  readonly tellsFiles: boolean;
  readonly hooks: HooksOrder | null;
};

export type WorkerToMaster =
  | { readonly type: 'started' }
  /** `maxRequests` of the start. */
  | { readonly type: 'max-requests' }
  /** So many requests have not come back although nobody waits for them; Python alone can tell. */
  | { readonly type: 'stuck'; readonly requests: number }
  /** Absolute paths, each once. */
  | { readonly type: 'loaded-files'; readonly files: readonly string[] }
  | ChildFailed;

/** The child could not start and exits next. `exitCode` as in DESIGN: 3 boot, 4 app, 2 usage, 1 otherwise. */
export type ChildFailed = { readonly type: 'failed'; readonly exitCode: number; readonly message: string };
