import type { MasterToWorker, WorkerToMaster } from '../process/control-messages.ts';
import type { LogLevel } from '../telemetry/error-log.ts';
import type { ErrorLogFormat } from '../telemetry/log-destinations.ts';
import type { AppTarget } from '../worker/app-target.ts';
import { type ChildCommand, ChildHandle, type ChildState } from './child-handle.ts';
import type { PoolChild, PoolChildEvents } from './child-pool.ts';

/** Where one edge waits for one worker. */
export type Link = { readonly path: string; readonly token: string; readonly startedPath: string };

/** A worker process as its master sees it: it loads the application, then connects to the edges that it is told of. */
export class WorkerHandle implements PoolChild {
  /** Never used twice in the life of a master, so that a late answer cannot meet the wrong worker. */
  readonly id: number;
  readonly #child: ChildHandle<WorkerToMaster, MasterToWorker>;

  constructor(
    id: number,
    command: ChildCommand,
    app: AppTarget,
    logLevel: LogLevel,
    errorLogFormat: ErrorLogFormat,
    events: PoolChildEvents,
  ) {
    this.id = id;
    this.#child = new ChildHandle<WorkerToMaster, MasterToWorker>(command, {
      ...events,
      received: ({ type }) => this.#child.kill(`sent the master an unknown message (${type})`),
    });
    this.#child.send({ type: 'start', app, logLevel, errorLogFormat });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get state(): ChildState {
    return this.#child.state;
  }

  connect(link: Link): void {
    this.#child.send({ type: 'connect', ...link });
  }

  drain(milliseconds: number): void {
    this.#child.drain(milliseconds);
  }

  stop(): void {
    this.#child.stop();
  }

  kill(reason: string): void {
    this.#child.kill(reason);
  }
}

/**
 * The environment of a child: ours, without what is meant for the master alone. An application, or whoever breaks into
 * it, should find neither our settings nor the sockets and the voice of the service manager.
 */
export function environmentOfChildren(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ofMaster = /^(?:PORTCULLIS_.*|GUNICORN_CMD_ARGS|LISTEN_.*|NOTIFY_SOCKET|WATCHDOG_.*)$/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ofMaster.test(name)));
}
