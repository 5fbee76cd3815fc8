import type { Config } from '../config/config.ts';
import type { Log } from '../telemetry/error-log.ts';
import { AppWatch } from './app-watch.ts';
import { logFailure } from './child-end.ts';
import type { EdgeHandle } from './edge-handle.ts';
import { endSilent } from './end-silent.ts';
import { Heartbeat } from './heartbeat.ts';
import type { PolicyOfEdges } from './policy-of-edges.ts';
import type { Processes } from './processes.ts';
import { Recycling } from './recycling.ts';
import { WorkerHandle } from './worker-handle.ts';

/** An edge that is ended takes its clients' connections along, so a short time-out of the application is none of its. */
const leastOfEdgesMs = 10_000;

/**
 * Why a process is ended before its server is: it gives no sign of life, or, of those that run the application, it has served its
 * time, or somebody is at work on the application.
 */
export class WorkerLives {
  readonly #heartbeat: Heartbeat<EdgeHandle | WorkerHandle>;
  /** Where the application runs elsewhere. */
  readonly #edgeHeartbeat: Heartbeat<EdgeHandle>;
  readonly #recycling: Recycling<WorkerHandle>;
  /** Null: nobody is at work on the application. */
  readonly #appWatch: AppWatch | null;
  #drainMs: number;

  /** `processes` is not asked before `start`. */
  constructor(
    config: Config,
    log: Log,
    processes: () => Processes,
    policy: PolicyOfEdges,
    reloadApplication: () => void,
  ) {
    this.#drainMs = config.gracefulTimeoutMs;
    this.#appWatch = config.reload && new AppWatch(config.reload.extraFiles, log, reloadApplication);
    this.#heartbeat = new Heartbeat<EdgeHandle | WorkerHandle>({
      get watched() {
        return processes().application.all;
      },
      get workerMs() {
        return policy.policy.timeouts.workerMs;
      },
      silent: (child, silentMs) => {
        const noted =
          child instanceof WorkerHandle ? processes().edges.serving.map((edge) => edge.noteSilence(child)) : [];
        void endSilent(child.watched, silentMs, noted, log);
      },
    });
    this.#edgeHeartbeat = new Heartbeat<EdgeHandle>({
      get watched() {
        const { edges, application } = processes();
        return application === edges ? [] : edges.all;
      },
      get workerMs() {
        const { workerMs } = policy.policy.timeouts;
        return workerMs === 0 ? 0 : Math.max(workerMs, leastOfEdgesMs);
      },
      silent: (edge, silentMs) => void endSilent(edge.watched, silentMs, [], log),
    });
    this.#recycling = new Recycling<WorkerHandle>(config.recycling, log, {
      get serving() {
        return processes().workers.serving;
      },
      replace: async (worker) => {
        const renewal = await processes().workers.replace(worker, this.#drainMs);
        if (typeof renewal !== 'string') logFailure(log, renewal);
        return renewal === 'done';
      },
    });
  }

  start(): void {
    this.#recycling.start();
    this.#heartbeat.start();
    this.#edgeHeartbeat.start();
  }

  /** For the workers that are started from now on. */
  adopt({ recycling, gracefulTimeoutMs }: Config): void {
    this.#drainMs = gracefulTimeoutMs;
    this.#recycling.adopt(recycling);
  }

  /** None is replaced any more; one that gives no sign of life is ended still. */
  end(): void {
    this.#recycling.end();
    this.#appWatch?.end();
  }

  /** No process is left. */
  over(): void {
    this.#heartbeat.stop();
    this.#edgeHeartbeat.stop();
  }

  /** Of the next worker. */
  drawMaxRequests(): number {
    return this.#recycling.drawMaxRequests();
  }

  serving(worker: WorkerHandle): void {
    this.#recycling.serving(worker);
  }

  gone(worker: WorkerHandle): void {
    this.#recycling.gone(worker);
  }

  maxRequestsReached(worker: WorkerHandle): void {
    this.#recycling.request(worker, 'it has begun its number of requests');
  }

  stuck(worker: WorkerHandle, requests: number): void {
    const which = requests === 1 ? 'a request hangs' : `${requests} requests hang`;
    this.#recycling.request(worker, `${which} in it`);
  }

  loadedFiles(files: readonly string[]): void {
    this.#appWatch?.loaded(files);
  }
}
