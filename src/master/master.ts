import { namedClient } from '../admit/named-client.ts';
import type { Take } from '../admit/token-requests.ts';
import type { Config } from '../config/config.ts';
import type { Policy } from '../policy/policy.ts';
import type { Log } from '../telemetry/error-log.ts';
import { appName } from '../worker/load-app.ts';
import { type BootFailure, logFailure } from './child-end.ts';
import { ChildPool } from './child-pool.ts';
import type { ControlledServer } from './control-commands.ts';
import { ControlSocket } from './control-socket.ts';
import type { EdgeHandle } from './edge-handle.ts';
import { MasterHooks } from './hooks.ts';
import { Jail } from './jail.ts';
import { BindError, bindListeners, type Listener } from './listeners.ts';
import { PolicyOfEdges } from './policy-of-edges.ts';
import { makePrivateDirectory } from './private-directory.ts';
import { Reload, type Reread } from './reload.ts';
import { defaultPace, type RestartPace } from './restart-backoff.ts';
import { serverStatus } from './server-status.ts';
import { type Urgency, watchSignals } from './signals.ts';
import { type Entries, edgeStarter, ownEntries, workerStarter } from './start-child.ts';
import { limitsOf, TokenAuthority } from './token-authority.ts';
import type { WorkerHandle } from './worker-handle.ts';

const exitRunning = 1;
/** Clients wait in the kernel's queue meanwhile, so not for long. */
const edgePace: RestartPace = { ...defaultPace, longestWaitMs: 1_000 };
export const exitWorkerBoot = 3;

/** Serves until a signal ends it. Resolves to the exit status; by then no child is left. */
export async function runMaster(
  config: Config,
  log: Log,
  reread: Reread,
  entries: Entries = ownEntries,
): Promise<number> {
  let listeners: readonly Listener[];
  try {
    listeners = await bindListeners(config.binds);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    log.error(error.message);
    return exitRunning;
  }
  const directory = makePrivateDirectory(process.env);
  try {
    return await new Master(config, log, reread, entries, listeners, directory.path).run();
  } finally {
    for (const listener of listeners) listener.close();
    directory.remove();
  }
}

/**
 * One server: a pool of edges, a pool of workers and the links between them. It reads no client's byte, so all that can
 * happen to it is a child's end, a signal or a new policy.
 */
class Master {
  readonly #config: Config;
  readonly #log: Log;
  readonly #policy: PolicyOfEdges;
  readonly #jail: Jail;
  readonly #tokens: TokenAuthority;
  readonly #reload: Reload;
  readonly #hooks: MasterHooks;
  readonly #listeners: readonly Listener[];
  readonly #edges: ChildPool<EdgeHandle>;
  readonly #workers: ChildPool<WorkerHandle>;
  #phase: 'booting' | 'serving' | 'ending' = 'booting';
  #exitStatus = 0;
  /** Processes that run the application. */
  #workersStarted = 0;
  /** Set with the first signal that ends the server: when what still runs must be over. */
  #drainEndsAt = 0;

  constructor(
    config: Config,
    log: Log,
    reread: Reread,
    entries: Entries,
    listeners: readonly Listener[],
    privateDirectory: string,
  ) {
    this.#config = config;
    this.#log = log;
    this.#listeners = listeners;
    this.#policy = new PolicyOfEdges(config.policy);
    this.#jail = new Jail(config.policy, performance, log, (clients) => {
      for (const edge of this.#edges.serving) edge.block(clients);
    });
    this.#tokens = new TokenAuthority(limitsOf(config.policy), config.rateLimitStore, log);
    const addresses = listeners.map(({ url }) => url);
    this.#hooks = new MasterHooks(config.hooks, { name: appName(config.app), addresses }, log);
    this.#reload = new Reload(config, log, reread, {
      replacePolicy: (next) => this.#replacePolicy(next),
      reloading: (hooks) => this.#hooks.onReload(hooks),
      resize: (before, after) => this.#resize(before, after),
    });
    const policy = () => this.#policy.policy;
    const startWorker = workerStarter(config, entries, policy, (age) => this.#hooks.order(age));
    const startEdge = edgeStarter(config, entries, listeners, privateDirectory, policy, (age) =>
      this.#hooks.order(age),
    );
    this.#edges = new ChildPool(
      {
        name: 'Edge',
        bootExitCode: exitRunning,
        pace: edgePace,
        log,
        start: (events) => {
          const age = this.#runsInline ? this.#nextWorker() : 0;
          const edge = startEdge(age, {
            ...events,
            linkReady: (id, link) => this.#workers.serving.find((worker) => worker.id === id)?.connect(link),
            policyInForce: (version) => this.#policy.adopted(edge, version),
            offences: (clients) => this.#jail.note(clients),
            takeTokens: (batch, takes) => void this.#grantTokens(edge, batch, takes),
            gone: (exit) => {
              this.#policy.gone(edge);
              if (this.#runsInline) this.#hooks.childExit(edge.pid, age);
              events.gone(exit);
            },
          });
          if (this.#phase === 'serving') this.#announce(edge, this.#runsInline);
          return edge;
        },
      },
      {
        serving: (edge) => {
          edge.block(this.#jail.blocked);
          for (const worker of this.#workers.serving) edge.expectWorker(worker);
        },
        booted: () => this.#edgesBooted(),
        bootFailed: (failure) => this.#bootFailed(failure),
      },
    );
    this.#workers = new ChildPool(
      {
        name: 'Worker',
        bootExitCode: exitWorkerBoot,
        log,
        start: (events) => {
          const age = this.#nextWorker();
          const worker = startWorker(age, {
            ...events,
            gone: (exit) => {
              this.#hooks.childExit(worker.pid, age);
              events.gone(exit);
            },
          });
          this.#announce(worker, true);
          return worker;
        },
      },
      {
        serving: (worker) => {
          for (const edge of this.#edges.serving) edge.expectWorker(worker);
        },
        booted: () => this.#booted(),
        bootFailed: (failure) => this.#bootFailed(failure),
      },
    );
  }

  async run(): Promise<number> {
    const { gracefulTimeoutMs, edges } = this.#config;
    const application = this.#application;
    const unwatchSignals = watchSignals({
      received: (name) => this.#log.info(`Handling signal: ${name}`),
      shutDown: (urgency) => this.#shutDown(urgency),
      resize: (change) => {
        if (change === 1) application.grow();
        else application.shrink(gracefulTimeoutMs);
        this.#hooks.workersKept(application.size);
      },
      reload: () => this.#reload.request(),
      unsupported: (name) => this.#log.warning(`This version has nothing to do on signal ${name}.`),
    });
    const control = new ControlSocket(this.#controlled(), this.#log);
    await control.open(this.#config.controlSocket, process.env);
    await this.#hooks.onStarting();
    this.#edges.start(edges);
    this.#hooks.workersKept(this.#runsInline ? edges : this.#config.workers);
    await this.#edges.ended;
    const remainingMs = this.#drainEndsAt - performance.now();
    if (remainingMs > 0) this.#workers.drain(remainingMs);
    else this.#workers.stop();
    await this.#workers.ended;
    unwatchSignals();
    control.close();
    this.#tokens.close();
    await this.#hooks.onExit();
    this.#log.info('Shutting down: Master');
    return this.#exitStatus;
  }

  get #runsInline(): boolean {
    return this.#config.workerClass === 'inline';
  }

  get #application(): ChildPool<EdgeHandle> | ChildPool<WorkerHandle> {
    return this.#runsInline ? this.#edges : this.#workers;
  }

  /** This server as its control socket sees it. */
  #controlled(): ControlledServer {
    return {
      status: () =>
        serverStatus({
          config: this.#config,
          phase: this.#phase,
          policy: this.#policy.policy.name,
          listeners: this.#listeners,
          edges: this.#edges.children,
          workers: this.#workers.children,
          blockedClients: this.#jail.blocked.length,
        }),
      size: () => this.#application.size,
      blocked: () => this.#jail.blocked,
      gracefulTimeoutMs: this.#config.gracefulTimeoutMs,
      reload: () => this.#reload.ask(),
      signal: (name) => void process.emit(name, name),
      clientOf: (text) => namedClient(text, this.#policy.policy.proxies.ipv6Prefix),
      block: (client, forMs) => this.#jail.block(client, forMs),
      release: (client) => this.#jail.release(client),
    };
  }

  /** Its number; `pre_fork` has run when this returns. */
  #nextWorker(): number {
    this.#workersStarted += 1;
    this.#hooks.preFork(this.#workersStarted);
    return this.#workersStarted;
  }

  #announce(child: EdgeHandle | WorkerHandle, runsApplication: boolean): void {
    if (child.pid === undefined) return;
    if (runsApplication) this.#log.info(`Booting worker with pid: ${child.pid}`);
    else this.#log.debug(`Booting edge with pid: ${child.pid}`);
  }

  /** Only now does a connect succeed: whoever waits for the line may connect. */
  #edgesBooted(): void {
    const urls = this.#listeners.map(({ url }) => url).join(',');
    this.#log.info(`Listening at: ${urls} (${process.pid})`);
    this.#log.info(`Using worker: ${this.#config.workerClass}`);
    if (this.#runsInline) {
      for (const edge of this.#edges.serving) this.#announce(edge, true);
      this.#booted();
    } else {
      this.#workers.start(this.#config.workers);
    }
  }

  #booted(): void {
    this.#phase = 'serving';
    this.#log.debug('Ready');
    this.#hooks.whenReady();
    this.#reload.begin();
  }

  /** The new limits first: an edge that has the new policy may ask for them at once. */
  #replacePolicy(policy: Policy): Promise<number> {
    this.#tokens.adopt(limitsOf(policy));
    this.#jail.adopt(policy);
    return this.#policy.replace(policy, this.#edges.staying);
  }

  async #grantTokens(edge: EdgeHandle, batch: number, takes: readonly Take[]): Promise<void> {
    edge.grantTokens(batch, await this.#tokens.answer(takes));
  }

  /** Only where the configuration says another number: what TTIN and TTOU have made of it stays. */
  #resize(before: Config, after: Config): void {
    const { gracefulTimeoutMs } = before;
    if (after.workers !== before.workers) this.#workers.resize(after.workers, gracefulTimeoutMs);
    if (after.edges !== before.edges) this.#edges.resize(after.edges, gracefulTimeoutMs);
    this.#hooks.workersKept(this.#application.size);
  }

  #bootFailed(failure: BootFailure): void {
    if (this.#phase === 'ending') return;
    logFailure(this.#log, failure);
    this.#exitStatus = failure.exitCode;
    this.#shutDown('stop');
  }

  /** Edges first: what they have accepted still needs the workers. */
  #shutDown(urgency: Urgency): void {
    this.#phase = 'ending';
    this.#reload.end();
    if (urgency === 'drain') {
      // The kernel would go on accepting for a port that nobody serves any more.
      for (const listener of this.#listeners) listener.close();
      this.#drainEndsAt = performance.now() + this.#config.gracefulTimeoutMs;
      this.#edges.drain(this.#config.gracefulTimeoutMs);
    } else if (urgency === 'stop') {
      this.#edges.stop();
      this.#workers.stop();
    } else {
      this.#edges.kill('was told to end at once');
      this.#workers.kill('was told to end at once');
    }
  }
}
