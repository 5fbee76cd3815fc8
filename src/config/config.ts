import type { Policy } from '../policy/policy.ts';
import type { LogLevel } from '../telemetry/error-log.ts';
import type { AccessLogConfig, ErrorLogConfig } from '../telemetry/log-destinations.ts';
import type { RecordingOptions } from '../telemetry/recorder.ts';
import type { AppTarget } from '../worker/app-target.ts';
import type { AdminAddress } from './admin-address.ts';
import type { BindAddress } from './bind-address.ts';
import type { ControlSocketPlace } from './control-socket.ts';
import type { ConfigHooks } from './hooks.ts';
import type { PythonPlace } from './python-place.ts';
import type { StoreAddress } from './rate-limit-store.ts';
import type { StatsdConfig } from './statsd.ts';
import type { SystemConfig } from './system-settings.ts';
import type { WorkerClass } from './worker-class.ts';

/** What one start of the program was asked to do: complete, checked, frozen. */
export type Config = SystemConfig & {
  readonly app: AppTarget;
  /** Absolute: where the application runs. The master itself stays where it was started. */
  readonly workingDirectory: string;
  /** What the application finds in its environment beside, or instead of, what the master has. */
  readonly environment: Readonly<Record<string, string>>;
  readonly binds: readonly BindAddress[];
  /** `inline`: the application runs in the edges; `uwsgi`: in a server elsewhere; else in worker processes. Fits it. */
  readonly workerClass: WorkerClass;
  /** Worker processes; 0 with `inline` and `uwsgi`. */
  readonly workers: number;
  readonly edges: number;
  /** Of each worker that runs Python. */
  readonly threads: number;
  /** Null: the application is no Python. */
  readonly python: PythonPlace | null;
  /** Requests that may run in one worker at once. */
  readonly workerConnections: number;
  /** Where the application is mounted, in latin1: `/app`; empty for all paths. */
  readonly scriptName: string;
  /** Connections that the kernel keeps for an edge that has not accepted them yet. */
  readonly backlog: number;
  /** When a worker that does nothing wrong is replaced all the same. */
  readonly recycling: RecyclingLimits;
  /** One worker loads the application before the others start. */
  readonly preload: boolean;
  /** Null: a changed application waits for a reload that somebody asks for. */
  readonly reload: ReloadOnChange | null;
  /** With the flags that override it already in it. */
  readonly policy: Policy;
  /** Where it was read; null: the shipped default. */
  readonly policyFile: string | null;
  /** Read it again when one of its files changes. */
  readonly watchPolicy: boolean;
  readonly gracefulTimeoutMs: number;
  /** Null: rate limits are those of this server alone. */
  readonly rateLimitStore: StoreAddress | null;
  readonly logLevel: LogLevel;
  /** Null: there is none. */
  readonly accessLog: AccessLogConfig | null;
  readonly errorLog: ErrorLogConfig;
  /** Null: refused requests are not recorded. */
  readonly record: RecordingOptions | null;
  /** Where `portcullis ctl` reaches this server. */
  readonly controlSocket: ControlSocketPlace;
  /** Functions of the config file. */
  readonly hooks: ConfigHooks;
  /** Null: metrics are not served. */
  readonly admin: AdminAddress | null;
  /** Null: none are sent to StatsD. */
  readonly statsd: StatsdConfig | null;
  /** Load the policy and the application, then end. */
  readonly checkOnly: boolean;
  /** Of this program. */
  readonly version: string;
  /** What the operator should hear at start although it is allowed. */
  readonly warnings: readonly string[];
};

/** 0 each: never. */
export type RecyclingLimits = {
  /** Requests that a worker begins. */
  readonly maxRequests: number;
  /** At most so many more, drawn for each worker. */
  readonly maxRequestsJitter: number;
  /** Resident memory. */
  readonly maxMemoryBytes: number;
  readonly lifetimeMs: number;
};

/** `extraFiles`: absolute, looked at beside what the application has loaded. */
export type ReloadOnChange = { readonly extraFiles: readonly string[] };

/** The operator's mistake, found before anything listens. `message` is one paragraph for a person. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}
