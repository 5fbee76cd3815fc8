import type { Take } from '../admit/token-requests.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { BootFailure } from './child-end.ts';
import { ChildPool, type PoolChildEvents, type Renewal, type StartChild } from './child-pool.ts';
import type { ClientsOfEdges } from './clients-of-edges.ts';
import type { EdgeHandle } from './edge-handle.ts';
import type { ErrorOutput } from './error-output.ts';
import type { MasterHooks } from './hooks.ts';
import type { Jail } from './jail.ts';
import type { Listener } from './listeners.ts';
import type { Metrics } from './metrics.ts';
import type { PolicyOfEdges } from './policy-of-edges.ts';
import { defaultPace, type RestartPace } from './restart-backoff.ts';
import { type Entries, edgeStarter, type StartServices, workerStarter } from './start-child.ts';
import type { TokenAuthority } from './token-authority.ts';
import type { WorkerHandle } from './worker-handle.ts';
import type { WorkerLives } from './worker-lives.ts';

export const exitRunning = 1;
export const exitWorkerBoot = 3;
/** Clients wait in the kernel's queue meanwhile, so not for long. */
const edgePace: RestartPace = { ...defaultPace, longestWaitMs: 1_000 };

/** What the processes need of the master. */
export type Services = {
  readonly policy: PolicyOfEdges;
  readonly jail: Jail;
  readonly tokens: TokenAuthority;
  readonly clients: ClientsOfEdges<EdgeHandle>;
  readonly lives: WorkerLives;
  readonly hooks: MasterHooks;
  /** Null: standard error, as it is. */
  readonly errorOutput: ErrorOutput | null;
  /** Null: nobody asked for them. */
  readonly metrics: Metrics | null;
};

export type ProcessEvents = {
  edgesBooted(): void;
  workersBooted(): void;
  /** Only while booting. */
  bootFailed(failure: BootFailure): void;
};

/** How the processes of a server are made: what a reload may change. */
export type Setup = { readonly config: Config; readonly listeners: readonly Listener[] };

/** The processes of one server: a pool of edges, a pool of workers, and the links between them. */
export class Processes {
  readonly edges: ChildPool<EdgeHandle>;
  readonly workers: ChildPool<WorkerHandle>;
  readonly #runsInline: boolean;
  readonly #log: Log;
  readonly #entries: Entries;
  readonly #privateDirectory: string;
  readonly #services: Services;
  #workersStarted = 0;
  #haveEdgesBooted = false;

  constructor(
    setup: Setup,
    log: Log,
    entries: Entries,
    privateDirectory: string,
    services: Services,
    events: ProcessEvents,
  ) {
    this.#runsInline = setup.config.workerClass === 'inline';
    this.#log = log;
    this.#entries = entries;
    this.#privateDirectory = privateDirectory;
    this.#services = services;
    const { bootFailed } = events;
    this.edges = new ChildPool(
      {
        name: 'Edge',
        bootExitCode: exitRunning,
        servesAtOnce: true,
        pace: edgePace,
        log,
        start: this.#edgeStarter(setup),
      },
      {
        serving: (edge) => this.#edgeServes(edge),
        booted: () => {
          this.#haveEdgesBooted = true;
          events.edgesBooted();
        },
        bootFailed,
      },
    );
    this.workers = new ChildPool(
      { name: 'Worker', bootExitCode: exitWorkerBoot, servesAtOnce: false, log, start: this.#workerStarter(setup) },
      { serving: (worker) => this.#workerServes(worker), booted: events.workersBooted, bootFailed },
    );
  }

  /** The processes in which the application runs. */
  get application(): ChildPool<EdgeHandle> | ChildPool<WorkerHandle> {
    return this.#runsInline ? this.edges : this.workers;
  }

  renewEdges(size: number, setup: Setup, drainMs: number): Promise<Renewal> {
    return this.edges.renew(size, this.#edgeStarter(setup), drainMs);
  }

  renewWorkers(size: number, setup: Setup, drainMs: number): Promise<Renewal> {
    return this.workers.renew(size, this.#workerStarter(setup), drainMs);
  }

  /** As Gunicorn does it for every process that runs the application. */
  announce(child: EdgeHandle | WorkerHandle, runsApplication: boolean): void {
    if (child.pid === undefined) return;
    if (runsApplication) this.#log.info(`Booting worker with pid: ${child.pid}`);
    else this.#log.debug(`Booting edge with pid: ${child.pid}`);
  }

  #edgeStarter({ config, listeners }: Setup): StartChild<EdgeHandle> {
    const { policy, jail, clients, hooks, metrics } = this.#services;
    const start = edgeStarter(config, this.#entries, listeners, this.#privateDirectory, this.#startServices);
    return (events: PoolChildEvents) => {
      const age = this.#runsInline ? this.#nextWorker() : 0;
      const edge = start(age, {
        ...events,
        linkReady: (id, link) => this.workers.serving.find((worker) => worker.id === id)?.connect(link),
        policyInForce: (version) => policy.adopted(edge, version),
        clientCounts: (counts) => clients.report(edge, counts),
        offences: (offenders) => jail.note(offenders),
        takeTokens: (batch, takes) => void this.#grantTokens(edge, batch, takes),
        measured: (id, report) => metrics?.take(edge, id, report),
        gone: (exit) => {
          policy.gone(edge);
          clients.gone(edge);
          metrics?.edgeEnded(edge, exit);
          if (this.#runsInline) hooks.childExit(edge.pid, age);
          events.gone(exit);
        },
      });
      // Those of the first boot when they all listen.
      if (this.#haveEdgesBooted) this.announce(edge, this.#runsInline);
      return edge;
    };
  }

  #workerStarter({ config }: Setup): StartChild<WorkerHandle> {
    const { lives, hooks, metrics } = this.#services;
    const start = workerStarter(config, this.#entries, this.#startServices);
    return (events: PoolChildEvents) => {
      const age = this.#nextWorker();
      const worker = start(age, lives.drawMaxRequests(), {
        ...events,
        loadedFiles: (files) => lives.loadedFiles(files),
        // A reload is said to be done when this has been sent: no request that comes later finds the old application.
        leaving: () => {
          for (const edge of this.edges.serving) edge.letGo(worker);
        },
        maxRequestsReached: () => lives.maxRequestsReached(worker),
        stuck: (requests) => lives.stuck(worker, requests),
        gone: (exit) => {
          lives.gone(worker);
          metrics?.exited('worker', exit);
          hooks.childExit(worker.pid, age);
          events.gone(exit);
        },
      });
      this.announce(worker, true);
      return worker;
    };
  }

  get #startServices(): StartServices {
    const { policy, hooks, errorOutput } = this.#services;
    return { policy: () => policy.policy, hooks: (age) => hooks.order(age), errorOutput };
  }

  /** Its number; `pre_fork` has run when this returns. */
  #nextWorker(): number {
    this.#workersStarted += 1;
    this.#services.hooks.preFork(this.#workersStarted);
    return this.#workersStarted;
  }

  #edgeServes(edge: EdgeHandle): void {
    edge.block(this.#services.jail.blocked);
    this.#services.clients.joined(edge);
    for (const worker of this.workers.serving) edge.expectWorker(worker);
  }

  #workerServes(worker: WorkerHandle): void {
    this.#services.lives.serving(worker);
    for (const edge of this.edges.serving) edge.expectWorker(worker);
  }

  async #grantTokens(edge: EdgeHandle, batch: number, takes: readonly Take[]): Promise<void> {
    edge.grantTokens(batch, await this.#services.tokens.answer(takes));
  }
}
