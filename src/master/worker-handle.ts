import { isAbsolute } from 'node:path';
import type { MasterToWorker, WorkerStart, WorkerToMaster } from '../process/control-messages.ts';
import { type ChildCommand, ChildHandle, type ChildState } from './child-handle.ts';
import type { PoolChild, PoolChildEvents } from './child-pool.ts';
import type { WatchedChild } from './heartbeat.ts';

/** Where one edge waits for one worker. */
export type Link = { readonly path: string; readonly token: string; readonly startedPath: string };

export type WorkerEvents = PoolChildEvents & {
  /** It has begun as many requests as its start message allows. */
  maxRequestsReached(): void;
  /** So many of its requests will never come back. */
  stuck(requests: number): void;
  /** It is about to be told to drain. */
  leaving(): void;
  /** Files of the application, where it was asked to tell. */
  loadedFiles(files: readonly string[]): void;
};

/** A worker process as its master sees it: it loads the application, then connects to the edges that it is told of. */
export class WorkerHandle implements PoolChild {
  /** Never used twice in the life of a master, so that a late answer cannot meet the wrong worker. */
  readonly id: number;
  readonly #child: ChildHandle<WorkerToMaster, MasterToWorker>;
  readonly #events: WorkerEvents;

  constructor(id: number, command: ChildCommand, start: WorkerStart, events: WorkerEvents) {
    this.id = id;
    this.#events = events;
    this.#child = new ChildHandle<WorkerToMaster, MasterToWorker>(command, {
      ...events,
      received: (message) => {
        if (message.type === 'max-requests') events.maxRequestsReached();
        else if (message.type === 'stuck') events.stuck(Number(message.requests));
        else if (message.type === 'loaded-files' && arePaths(message.files)) events.loadedFiles(message.files);
        else this.#child.kill(`sent the master an unknown message (${message.type})`);
      },
    });
    this.#child.send(start);
  }

  get watched(): WatchedChild {
    return this.#child;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get state(): ChildState {
    return this.#child.state;
  }

  get livedMs(): number {
    return this.#child.livedMs;
  }

  connect(link: Link): void {
    this.#child.send({ type: 'connect', ...link });
  }

  drain(milliseconds: number): void {
    this.#events.leaving();
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

function arePaths(files: unknown): files is readonly string[] {
  return Array.isArray(files) && files.every((file) => typeof file === 'string' && isAbsolute(file));
}
