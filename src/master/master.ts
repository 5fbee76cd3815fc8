import { namedClient } from '../admit/named-client.ts';
import type { BindAddress } from '../config/bind-address.ts';
import type { Config } from '../config/config.ts';
import { hasWorkerProcesses } from '../config/worker-class.ts';
import type { Policy } from '../policy/policy.ts';
import type { Log } from '../telemetry/error-log.ts';
import { appName } from '../worker/app-target.ts';
import type { AdminSource } from './admin-server.ts';
import { type BootFailure, logFailure } from './child-end.ts';
import { ClientsOfEdges } from './clients-of-edges.ts';
import type { ControlledServer } from './control-commands.ts';
import { ControlSocket } from './control-socket.ts';
import type { EdgeHandle } from './edge-handle.ts';
import type { ErrorOutput } from './error-output.ts';
import { exposeServer } from './expose-server.ts';
import { MasterHooks } from './hooks.ts';
import { Jail } from './jail.ts';
import { BindError, type Listener, rebindListeners } from './listeners.ts';
import { LogFileError, logFileProblems, prepareLogFiles } from './log-files.ts';
import type { MeasuredServer, Metrics } from './metrics.ts';
import { Observation } from './observation.ts';
import { PidFileError } from './pid-file.ts';
import { PolicyOfEdges } from './policy-of-edges.ts';
import { makePrivateDirectory } from './private-directory.ts';
import { exitRunning, Processes } from './processes.ts';
import { Reload, type Renewed, type Reread } from './reload.ts';
import { ProcessRenewal } from './renewal.ts';
import { serverStatus } from './server-status.ts';
import { type Urgency, watchSignals } from './signals.ts';
import { takeActivatedSockets } from './socket-activation.ts';
import { type Entries, ownEntries } from './start-child.ts';
import { futureOwner, PlaceError, SystemPlace, socketAccess } from './system-place.ts';
import { limitsOf, TokenAuthority } from './token-authority.ts';
import { Predecessor, Successor } from './upgrade.ts';
import { WorkerLives } from './worker-lives.ts';

/** Of the timers that Node has. */
const longestTimerMs = 2 ** 31 - 1;

export type MasterOptions = {
  readonly entries?: Entries;
  /** Null: the log goes to standard error, and children have that too. */
  readonly errorOutput?: ErrorOutput | null;
  /** All of it serves. */
  readonly announceReady?: (() => void) | undefined;
};

/** Serves until a signal ends it. Resolves to the exit status; by then no child is left. */
export async function runMaster(
  config: Config,
  log: Log,
  reread: Reread,
  { entries = ownEntries, errorOutput = null, announceReady = () => {} }: MasterOptions = {},
): Promise<number> {
  let master: Master | undefined;
  let place: SystemPlace | undefined;
  let observation: Observation | undefined;
  try {
    const predecessor = await Predecessor.find(process.env);
    place = new SystemPlace(config, log, predecessor, () => master?.isAlive === true, announceReady);
    const given = givenSockets(predecessor, log);
    const withGiven = (own: Config): Config => (given === null ? own : { ...own, binds: given });
    observation = await Observation.begin(config, log, predecessor !== null);
    const listeners = await listen(withGiven(config), predecessor);
    prepareLogFiles(config, futureOwner(config));
    place.becomeUser();
    const directory = makePrivateDirectory(process.env, config);
    const rereadWithGiven = async (): Promise<Config> => withGiven(await reread());
    const { metrics } = observation;
    const parts = { entries, errorOutput, listeners, privateDirectory: directory.path, place, predecessor, metrics };
    master = new Master(withGiven(config), observation.log, rereadWithGiven, parts);
    observation.of(master);
    return await master.run().finally(directory.remove);
  } catch (error) {
    if (
      !(
        error instanceof BindError ||
        error instanceof PidFileError ||
        error instanceof PlaceError ||
        error instanceof LogFileError
      )
    )
      throw error;
    log.error(error.message);
    return exitRunning;
  } finally {
    master?.closeListeners();
    observation?.end();
    await place?.leave();
  }
}

/** What a service manager has bound goes before all addresses of ours, in the programs too that take over from the first one. */
function givenSockets(predecessor: Predecessor | null, log: Log): readonly BindAddress[] | null {
  if (predecessor !== null) return predecessor.given;
  const activated = takeActivatedSockets(process.env, process.pid);
  if (activated !== null) log.info(`Sockets of the service manager: ${activated.length}; bind is not used`);
  return activated;
}

async function listen(config: Config, predecessor: Predecessor | null): Promise<readonly Listener[]> {
  const inherited = predecessor?.listeners ?? [];
  const listeners = await rebindListeners(inherited, config.binds, socketAccess(config));
  for (const listener of inherited) if (!listeners.includes(listener)) listener.leave();
  return listeners;
}

type MasterParts = {
  readonly metrics: Metrics | null;
  readonly entries: Entries;
  readonly errorOutput: ErrorOutput | null;
  readonly listeners: readonly Listener[];
  readonly privateDirectory: string;
  readonly place: SystemPlace;
  /** Null where this master was not started by another one that it takes over from. */
  readonly predecessor: Predecessor | null;
};

/**
 * One server: its processes, and what they share. It reads no client's byte, so all that can happen to it is a child's end,
 * a signal or a new configuration.
 */
class Master implements AdminSource, MeasuredServer {
  #config: Config;
  #listeners: readonly Listener[];
  readonly #log: Log;
  readonly #errorOutput: ErrorOutput | null;
  readonly #place: SystemPlace;
  readonly #policy: PolicyOfEdges;
  readonly #jail: Jail;
  readonly #tokens: TokenAuthority;
  readonly #clients: ClientsOfEdges<EdgeHandle>;
  readonly #lives: WorkerLives;
  readonly #hooks: MasterHooks;
  readonly #reload: Reload;
  /** Null: nobody asked for them. */
  readonly #metrics: Metrics | null;
  readonly #processes: Processes;
  /** Null where this master was not started by another one that it takes over from. */
  readonly #predecessor: Predecessor | null;
  readonly #successor: Successor;
  #phase: 'booting' | 'serving' | 'ending' = 'booting';
  #exitStatus = 0;
  /** Asked for before the server had booted. */
  #wantsUpgrade = false;
  /** Set with the first signal that ends the server: when what still runs must be over. */
  #drainEndsAt = 0;

  constructor(
    config: Config,
    log: Log,
    reread: Reread,
    { entries, errorOutput, listeners, privateDirectory, place, predecessor, metrics }: MasterParts,
  ) {
    this.#errorOutput = errorOutput;
    this.#place = place;
    this.#predecessor = predecessor;
    this.#successor = new Successor(log, () => this.#comeBack());
    this.#config = config;
    this.#log = log;
    this.#listeners = listeners;
    this.#policy = new PolicyOfEdges(config.policy);
    this.#jail = new Jail(config.policy, performance, log, (clients) => {
      for (const edge of this.#processes.edges.serving) edge.block(clients);
    });
    this.#tokens = new TokenAuthority(limitsOf(config.policy), config.rateLimitStore, log);
    this.#reload = new Reload(config, log, reread, {
      replacePolicy: (next) => this.#replacePolicy(next),
      renew: (before, after) => this.#renew(before, after),
      reads: (hooks) => this.#hooks.onReload(hooks),
      movePidFile: (path) => this.#place.movePidFile(path),
      reloading: () => this.#place.reloading(),
      reloaded: () => this.#place.serving(this.#status),
    });
    this.#clients = new ClientsOfEdges(config.policy.connections.maxPerClient, () => this.#processes.edges.serving);
    this.#lives = new WorkerLives(
      config,
      log,
      () => this.#processes,
      this.#policy,
      () => void this.#reload.request('all'),
    );
    const facts = { name: config.processName, addresses: listeners.map(({ url }) => url) };
    this.#hooks = new MasterHooks(config.hooks, facts, log);
    this.#metrics = metrics;
    const services = {
      policy: this.#policy,
      jail: this.#jail,
      tokens: this.#tokens,
      clients: this.#clients,
      lives: this.#lives,
      hooks: this.#hooks,
      errorOutput,
      metrics,
    };
    this.#processes = new Processes({ config, listeners }, log, entries, privateDirectory, services, {
      edgesBooted: () => this.#edgesBooted(),
      workersBooted: () => this.#booted(),
      bootFailed: (failure) => this.#bootFailed(failure),
    });
  }

  async run(): Promise<number> {
    const { edges, workers, application } = this.#processes;
    // After WINCH there may be nothing else for the event loop to wait for: Node would end.
    const stay = setInterval(() => {}, longestTimerMs);
    const unwatchSignals = watchSignals({
      received: (name) => this.#log.info(`Handling signal: ${name}`),
      shutDown: (urgency) => this.#shutDown(urgency),
      resize: (change) => {
        if (this.#runsUpstream)
          return this.#log.warning('The application runs in a uWSGI server: there are no workers here');
        if (change === 1) application.grow();
        else application.shrink(this.#config.gracefulTimeoutMs);
        this.#hooks.workersKept(application.size);
      },
      reload: () => void this.#reload.request('all'),
      upgrade: () => this.#upgrade(),
      retire: () => void this.#retire(),
      reopenLogs: () => this.#reopenLogs(),
    });
    const control = new ControlSocket(this.#controlled(), this.#log);
    await control.open(this.#config.controlSocket, process.env, this.#predecessor?.gone ?? null);
    await this.#hooks.onStarting();
    this.#hooks.workersKept(this.#runsInline ? this.#config.edges : this.#config.workers);
    this.#metrics?.begin(this);
    edges.start(this.#config.edges);
    await edges.ended;
    const remainingMs = this.#drainEndsAt - performance.now();
    if (remainingMs > 0) workers.drain(remainingMs);
    else workers.stop();
    await workers.ended;
    unwatchSignals();
    this.#lives.over();
    await this.#metrics?.end();
    control.close();
    this.#tokens.close();
    await this.#hooks.onExit();
    clearInterval(stay);
    this.#log.info('Shutting down: Master');
    return this.#exitStatus;
  }

  /** The kernel would go on accepting for a port that nobody serves any more. */
  closeListeners(): void {
    for (const listener of this.#listeners) {
      if (this.#successor.lives) listener.leave();
      else listener.close();
    }
  }

  /** What a watchdog wants to know: this process runs its event loop, and clients are accepted, by its edges or by another's. */
  get isAlive(): boolean {
    return this.#phase === 'ending' || this.#successor.serves || this.#processes.edges.serving.length > 0;
  }

  get #status(): string {
    if (this.#config.app.kind === 'uwsgi') {
      return `Serving for ${appName(this.#config.app)} at ${this.#listeners.map(({ url }) => url).join(' ')}`;
    }
    const workers = this.#processes.application.serving.length;
    return `Serving with ${workers} workers at ${this.#listeners.map(({ url }) => url).join(' ')}`;
  }

  /** An edge that drains still serves whoever it has. */
  unhealthyBecause(): string | null {
    return this.edges.length > 0 ? null : 'no edge serves';
  }

  unreadyBecause(): string | null {
    if (this.#phase !== 'serving') return this.#phase;
    if (this.#processes.edges.serving.length === 0) return 'no edge serves';
    if (this.#runsUpstream) return this.#reachesUpstream ? null : 'no upstream answers';
    return this.workers > 0 ? null : 'no worker serves';
  }

  metrics(): Promise<string> {
    return this.#metrics?.text() ?? Promise.resolve('');
  }

  get edges(): readonly EdgeHandle[] {
    return this.#processes.edges.all.filter(({ state }) => state === 'serving' || state === 'draining');
  }

  get workers(): number {
    return this.#processes.application.serving.length;
  }

  expose(metrics: Metrics): string {
    const { edges, workers } = this.#processes;
    const { policy, version } = this.#policy;
    return exposeServer(metrics, {
      version: this.#config.version,
      isReady: this.unreadyBecause() === null,
      edges: edges.all,
      workers: workers.all,
      policy: { name: policy.name, version, budgetBytes: policy.memory.budgetBytes },
      blockedClients: this.#jail.blockedCount,
      store: this.#tokens.storeHealth,
    });
  }

  get #runsUpstream(): boolean {
    return this.#config.workerClass === 'uwsgi';
  }

  /** An edge that a client may come to has somebody to ask. */
  get #reachesUpstream(): boolean {
    return this.#processes.edges.serving.some(({ reachableUpstreams }) => reachableUpstreams > 0);
  }

  get #runsInline(): boolean {
    return this.#config.workerClass === 'inline';
  }

  /** Only now does a connect succeed: whoever waits for the line may connect. */
  #edgesBooted(): void {
    const urls = this.#listeners.map(({ url }) => url).join(',');
    this.#log.info(`Listening at: ${urls} (${process.pid})`);
    this.#log.info(`Using worker: ${this.#config.workerClass}`);
    if (hasWorkerProcesses(this.#config.workerClass)) {
      this.#processes.workers.start(this.#config.preload ? 1 : this.#config.workers);
    } else {
      for (const edge of this.#processes.edges.serving) this.#processes.announce(edge, this.#runsInline);
      this.#booted();
    }
  }

  #booted(): void {
    this.#phase = 'serving';
    this.#log.debug('Ready');
    if (this.#config.preload) this.#processes.workers.resize(this.#config.workers, this.#config.gracefulTimeoutMs);
    this.#predecessor?.weServe();
    this.#place.serving(this.#status);
    this.#hooks.whenReady();
    this.#lives.start();
    this.#reload.begin();
    if (this.#wantsUpgrade) this.#upgrade();
  }

  /** Draining edges still write. */
  #reopenLogs(): void {
    for (const problem of logFileProblems(this.#config)) this.#log.error(problem);
    this.#errorOutput?.reopen();
    for (const edge of this.#processes.edges.all) edge.reopenLogs();
  }

  #upgrade(): void {
    if (this.#phase === 'booting') {
      this.#wantsUpgrade = true;
      return;
    }
    if (this.#phase === 'ending') return;
    if (!this.#successor.lives) this.#hooks.preExec();
    this.#successor.start(this.#listeners);
  }

  /** Edges first, as at the end; but nothing ends, and a reload brings all of them back. */
  async #retire(): Promise<void> {
    if (!this.#successor.lives) return this.#log.debug('Signal winch: there is no new master.');
    this.#log.info('Handling signal: winch');
    if (!(await this.#successor.served())) return;
    const setup = { config: this.#config, listeners: this.#listeners };
    const { gracefulTimeoutMs } = this.#config;
    const { edges } = this.#processes;
    await this.#processes.renewEdges(0, setup, gracefulTimeoutMs);
    await edges.emptied();
    if (edges.size === 0) await this.#processes.renewWorkers(0, setup, gracefulTimeoutMs);
    // It may have ended meanwhile.
    if (!this.#successor.lives) this.#comeBack();
  }

  /** Without a new master it is for this one to serve, whether or not its processes were let go. They are kept as at any time. */
  #comeBack(): void {
    if (this.#phase !== 'serving') return;
    const { edges, workers } = this.#processes;
    const { gracefulTimeoutMs } = this.#config;
    if (edges.size === 0) edges.resize(this.#config.edges, gracefulTimeoutMs);
    if (workers.size === 0 && hasWorkerProcesses(this.#config.workerClass))
      workers.resize(this.#config.workers, gracefulTimeoutMs);
  }

  /** This server as its control socket sees it. */
  #controlled(): ControlledServer {
    const { edges, workers, application } = this.#processes;
    const gracefulTimeoutMs = () => this.#config.gracefulTimeoutMs;
    return {
      status: () =>
        serverStatus({
          config: this.#config,
          phase: this.#phase,
          policy: this.#policy.policy.name,
          listeners: this.#listeners,
          edges: edges.all,
          workers: workers.all,
          blockedClients: this.#jail.blocked.length,
        }),
      size: () => application.size,
      blocked: () => this.#jail.blocked,
      get gracefulTimeoutMs() {
        return gracefulTimeoutMs();
      },
      reload: () => this.#reload.request('all'),
      signal: (name) => void process.emit(name, name),
      clientOf: (text) => namedClient(text, this.#policy.policy.proxies.ipv6Prefix),
      block: (client, forMs) => this.#jail.block(client, forMs),
      release: (client) => this.#jail.release(client),
    };
  }

  /** The new limits first: an edge that has the new policy may ask for them at once. */
  #replacePolicy(policy: Policy): Promise<number> {
    this.#tokens.adopt(limitsOf(policy));
    this.#jail.adopt(policy);
    this.#clients.adopt(policy.connections.maxPerClient);
    return this.#policy.replace(policy, this.#processes.edges.staying);
  }

  async #renew(before: Config, after: Config): Promise<Renewed> {
    this.#lives.adopt(after);
    const setup = { config: before, listeners: this.#listeners };
    const renewed = await new ProcessRenewal(this.#processes, this.#log, setup, after).run();
    this.#listeners = renewed.listeners;
    this.#config = renewed.config;
    this.#hooks.workersKept(this.#processes.application.size);
    // They were closed with the others otherwise.
    if (this.#phase === 'ending') this.closeListeners();
    return renewed;
  }

  #bootFailed(failure: BootFailure): void {
    if (this.#phase === 'ending') return;
    logFailure(this.#log, failure);
    this.#exitStatus = failure.exitCode;
    this.#shutDown('stop');
  }

  /** Edges first: what they have accepted still needs the workers. */
  #shutDown(urgency: Urgency): void {
    // A service goes on where another program has taken over.
    if (this.#phase !== 'ending' && !this.#successor.lives) this.#place.stopping();
    this.#phase = 'ending';
    this.#reload.end();
    this.#lives.end();
    const { edges, workers } = this.#processes;
    if (urgency === 'drain') {
      this.closeListeners();
      this.#drainEndsAt = performance.now() + this.#config.gracefulTimeoutMs;
      edges.drain(this.#config.gracefulTimeoutMs);
    } else if (urgency === 'stop') {
      edges.stop();
      workers.stop();
    } else {
      edges.kill('was told to end at once');
      workers.kill('was told to end at once');
    }
  }
}
