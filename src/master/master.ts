import type { Take } from '../admit/token-requests.ts';
import type { Config } from '../config/config.ts';
import type { Policy } from '../policy/policy.ts';
import type { Log } from '../telemetry/error-log.ts';
import { type BootFailure, logFailure } from './child-end.ts';
import { ChildPool } from './child-pool.ts';
import type { EdgeHandle } from './edge-handle.ts';
import type { ErrorOutput } from './error-output.ts';
import { Jail } from './jail.ts';
import { BindError, bindListeners, type Listener } from './listeners.ts';
import { prepareLogFiles } from './log-files.ts';
import { PolicyOfEdges } from './policy-of-edges.ts';
import { makePrivateDirectory } from './private-directory.ts';
import { Reload, type Reread } from './reload.ts';
import { defaultPace, type RestartPace } from './restart-backoff.ts';
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
  errorOutput: ErrorOutput | null = null,
): Promise<number> {
  const problems = prepareLogFiles(config);
  for (const problem of problems) log.error(problem);
  if (problems.length > 0) return exitRunning;
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
    return await new Master(config, log, reread, entries, listeners, directory.path, errorOutput).run();
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
  /** Null: standard error, as it is. */
  readonly #errorOutput: ErrorOutput | null;
  readonly #policy: PolicyOfEdges;
  readonly #jail: Jail;
  readonly #tokens: TokenAuthority;
  readonly #reload: Reload;
  readonly #listeners: readonly Listener[];
  readonly #edges: ChildPool<EdgeHandle>;
  readonly #workers: ChildPool<WorkerHandle>;
  #phase: 'booting' | 'serving' | 'ending' = 'booting';
  #exitStatus = 0;
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
    errorOutput: ErrorOutput | null,
  ) {
    this.#errorOutput = errorOutput;
    this.#config = config;
    this.#log = log;
    this.#listeners = listeners;
    this.#policy = new PolicyOfEdges(config.policy);
    this.#jail = new Jail(config.policy, performance, log, (clients) => {
      for (const edge of this.#edges.serving) edge.block(clients);
    });
    this.#tokens = new TokenAuthority(limitsOf(config.policy), config.rateLimitStore, log);
    this.#reload = new Reload(config, log, reread, {
      replacePolicy: (next) => this.#replacePolicy(next),
      resize: (before, after) => this.#resize(before, after),
    });
    const policy = () => this.#policy.policy;
    const startWorker = workerStarter(config, entries, policy, errorOutput);
    const startEdge = edgeStarter(config, entries, listeners, privateDirectory, policy, errorOutput);
    this.#edges = new ChildPool(
      {
        name: 'Edge',
        bootExitCode: exitRunning,
        pace: edgePace,
        log,
        start: (events) => {
          const edge = startEdge({
            ...events,
            linkReady: (id, link) => this.#workers.serving.find((worker) => worker.id === id)?.connect(link),
            policyInForce: (version) => this.#policy.adopted(edge, version),
            offences: (clients) => this.#jail.note(clients),
            takeTokens: (batch, takes) => void this.#grantTokens(edge, batch, takes),
            gone: (exit) => {
              this.#policy.gone(edge);
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
          this.#workersStarted += 1;
          const worker = startWorker(this.#workersStarted, events);
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
    const application = this.#runsInline ? this.#edges : this.#workers;
    const unwatchSignals = watchSignals({
      received: (name) => this.#log.info(`Handling signal: ${name}`),
      shutDown: (urgency) => this.#shutDown(urgency),
      resize: (change) => (change === 1 ? application.grow() : application.shrink(gracefulTimeoutMs)),
      reload: () => this.#reload.request(),
      reopenLogs: () => this.#reopenLogs(),
      unsupported: (name) => this.#log.warning(`This version has nothing to do on signal ${name}.`),
    });
    this.#edges.start(edges);
    await this.#edges.ended;
    const remainingMs = this.#drainEndsAt - performance.now();
    if (remainingMs > 0) this.#workers.drain(remainingMs);
    else this.#workers.stop();
    await this.#workers.ended;
    unwatchSignals();
    this.#tokens.close();
    this.#log.info('Shutting down: Master');
    return this.#exitStatus;
  }

  get #runsInline(): boolean {
    return this.#config.workerClass === 'inline';
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
  }

  /** Draining edges still write. */
  #reopenLogs(): void {
    for (const problem of prepareLogFiles(this.#config)) this.#log.error(problem);
    this.#errorOutput?.reopen();
    for (const edge of this.#edges.living) edge.reopenLogs();
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
