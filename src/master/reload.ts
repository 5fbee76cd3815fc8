import { isDeepStrictEqual } from 'node:util';
import { type Config, ConfigError } from '../config/config.ts';
import type { ConfigHooks } from '../config/hooks.ts';
import { policyFiles } from '../policy/load.ts';
import { PolicyError } from '../policy/mistake.ts';
import type { Policy } from '../policy/policy.ts';
import type { Log } from '../telemetry/error-log.ts';
import { stackOf } from '../telemetry/stack.ts';
import { FileWatch } from './file-watch.ts';
import { OneAtATime } from './one-at-a-time.ts';

/** The configuration as it is now. Rejects as the reading of it at start would, with what the operator did wrong. */
export type Reread = () => Promise<Config>;

export interface ReloadOwner {
  /** Resolves to the number of edges that have it, when none has another. */
  replacePolicy(policy: Policy): Promise<number>;
  /** New processes take the place of those that the configuration, or the application, has made old. */
  renew(before: Config, after: Config): Promise<Renewed>;
  /** A reload of everything has a configuration that holds. */
  reads(hooks: ConfigHooks): void;
  movePidFile(path: string | null): void;
  /** A reload that was asked for begins, and is over, well or not. */
  reloading(): void;
  reloaded(): void;
}

/** What became of a reload, in words for whoever asked for it; the log has them too. */
export type ReloadOutcome = { readonly succeeded: boolean; readonly message: string };

export type Renewed = {
  /** What is in force now: of parts that could not be renewed, the old values. */
  readonly config: Config;
  /** What was renewed, and why the rest could not be; each has been logged. */
  readonly news: readonly string[];
  readonly problems: readonly string[];
};

/** `policy`: what can change without a process. `all`: the application and the processes too. */
export type ReloadScope = 'policy' | 'all';

/**
 * HUP, and files that change. What is new is read and checked aside; only then do the edges hear of the policy, all at once,
 * and new processes take the place of the old ones. What is wrong with it goes to the log, and the old stays.
 */
export class Reload {
  /** As the last reload left it. */
  #config: Config;
  readonly #log: Log;
  readonly #reread: Reread;
  readonly #owner: ReloadOwner;
  readonly #runs = new OneAtATime(() => this.#run());
  readonly #watch = new FileWatch((files) => this.#filesChanged(files));
  /** Of the next run. */
  #scope: ReloadScope = 'policy';
  /** Those want to hear of the next run, also where nothing has changed. */
  #askers: ((outcome: ReloadOutcome) => void)[] = [];
  #hasEnded = false;

  constructor(config: Config, log: Log, reread: Reread, owner: ReloadOwner) {
    this.#config = config;
    this.#log = log;
    this.#reread = reread;
    this.#owner = owner;
  }

  /** Runs once `begin` was called, and once more for all that ask while it runs. */
  request(scope: ReloadScope): Promise<ReloadOutcome> {
    if (scope === 'all') this.#scope = 'all';
    return new Promise((resolve) => {
      this.#askers.push(resolve);
      if (this.#hasEnded) this.#answer(serverEnds);
      else this.#runs.request();
    });
  }

  /** The server has booted. */
  begin(): void {
    // Files are watched from their next reading on; what has changed since the first one is found by it.
    if (this.#config.watchPolicy) this.#runs.request();
    this.#runs.release();
  }

  end(): void {
    this.#hasEnded = true;
    this.#runs.end();
    this.#watch.stop();
    this.#answer(serverEnds);
  }

  #answer(outcome: ReloadOutcome): void {
    for (const resolve of this.#askers.splice(0)) resolve(outcome);
  }

  #filesChanged(files: readonly string[]): void {
    this.#log.info(`Policy file changed: ${files.join(', ')}`);
    void this.request('policy');
  }

  async #run(): Promise<void> {
    const askers = this.#askers.splice(0);
    const scope = this.#scope;
    this.#scope = 'policy';
    let outcome: ReloadOutcome;
    if (askers.length > 0) this.#owner.reloading();
    try {
      const after = await this.#read();
      outcome = this.#hasEnded ? serverEnds : await this.#adopt(after, scope, askers.length > 0);
    } catch (error) {
      outcome = { succeeded: false, message: logFailure(this.#log, error) };
    }
    if (askers.length > 0 && !this.#hasEnded) this.#owner.reloaded();
    for (const resolve of askers) resolve(outcome);
  }

  /** Marks of the files are taken first, so that a change while they are read is one that the watch sees. */
  async #read(): Promise<Config> {
    const { watchPolicy, policyFile } = this.#config;
    if (watchPolicy && policyFile !== null) await this.#watch.follow(policyFiles(policyFile));
    return this.#reread();
  }

  async #adopt(after: Config, scope: ReloadScope, isAskedFor: boolean): Promise<ReloadOutcome> {
    const before = this.#config;
    const { policy, policyFile } = after;
    const fixed = unreloadable(before, after, scope);
    const warnings = this.#warnOf(fixed, scope);
    if (scope === 'all') this.#owner.reads(after.hooks);
    this.#config = { ...before, policy, policyFile };
    // As at the start: another file is watched from its next reading on.
    if (before.watchPolicy && policyFile !== before.policyFile) this.#runs.request();
    let message = `Policy unchanged: ${policy.name}`;
    if (!isDeepStrictEqual(policy, before.policy)) message = await this.#replace(after);
    else if (isAskedFor) this.#log.info(message);
    if (this.#hasEnded) return serverEnds;
    if (scope === 'policy') return { succeeded: true, message: [message, ...warnings].join('\n') };
    if (after.pidFile !== before.pidFile) this.#owner.movePidFile(after.pidFile);
    const { config, news, problems } = await this.#owner.renew(before, { ...after, ...fixed });
    this.#config = config;
    return { succeeded: problems.length === 0, message: [message, ...news, ...problems, ...warnings].join('\n') };
  }

  #warnOf(fixed: Partial<Config>, scope: ReloadScope): readonly string[] {
    const names = settingNames.filter((name) => name in fixed).map((name) => settings[name][0]);
    if (names.length === 0) return [];
    const how = scope === 'policy' ? 'needs HUP' : 'needs a restart or USR2';
    const warning = `Not changed by a reload, ${how}: ${names.join(', ')}`;
    this.#log.warning(warning);
    return [warning];
  }

  async #replace({ policy, warnings }: Config): Promise<string> {
    for (const warning of warnings) this.#log.warning(warning);
    const edges = await this.#owner.replacePolicy(policy);
    const message = `Policy reloaded: ${policy.name} (in force in ${edges} ${edges === 1 ? 'edge' : 'edges'})`;
    if (!this.#hasEnded) this.#log.info(message);
    return message;
  }
}

const serverEnds: ReloadOutcome = { succeeded: false, message: 'the server ends' };

/** What brings a changed setting. */
type Bringer = 'new processes' | 'another master';
/** A reload of any scope brings these, or they are no settings; hooks come with everything. */
type BroughtAnyway = 'policy' | 'policyFile' | 'hooks' | 'version' | 'checkOnly' | 'warnings';

/** By the names that people know. */
const settings: Readonly<Record<Exclude<keyof Config, BroughtAnyway>, readonly [name: string, by: Bringer]>> = {
  app: ['the application', 'new processes'],
  workingDirectory: ['chdir', 'new processes'],
  environment: ['env', 'new processes'],
  binds: ['bind', 'new processes'],
  workerClass: ['worker-class', 'another master'],
  workers: ['workers', 'new processes'],
  edges: ['edges', 'new processes'],
  threads: ['threads', 'new processes'],
  python: ['python or pythonpath', 'new processes'],
  workerConnections: ['worker-connections', 'new processes'],
  scriptName: ['script-name', 'new processes'],
  backlog: ['backlog', 'new processes'],
  gracefulTimeoutMs: ['graceful-timeout', 'new processes'],
  recycling: ['max-requests, max-memory or worker-lifetime', 'new processes'],
  preload: ['preload', 'new processes'],
  reload: ['reload', 'another master'],
  accessLog: ['the access log', 'new processes'],
  errorLog: ['the error log', 'another master'],
  controlSocket: ['control-socket', 'another master'],
  pidFile: ['pid', 'new processes'],
  daemon: ['daemon', 'another master'],
  processName: ['name', 'another master'],
  user: ['user or group', 'another master'],
  initGroups: ['initgroups', 'another master'],
  workerUser: ['worker-user', 'another master'],
  socketUmask: ['umask', 'new processes'],
  rateLimitStore: ['rate-limit-store', 'another master'],
  logLevel: ['log-level', 'new processes'],
  record: ['record', 'new processes'],
  watchPolicy: ['watch-policy', 'another master'],
  admin: ['admin', 'another master'],
  statsd: ['statsd-host', 'another master'],
};
const settingNames = Object.keys(settings) as readonly (keyof typeof settings)[];

/** As the configuration was, in what a reload of this scope does not bring. */
function unreloadable(before: Config, after: Config, scope: ReloadScope): Partial<Config> {
  const kept = settingNames.filter((name) => scope === 'policy' || settings[name][1] === 'another master');
  const differs = (name: keyof typeof settings): boolean => !isDeepStrictEqual(before[name], after[name]);
  // Where an application of another kind has other processes, or edges that know it.
  const keptWithIt = scope === 'all' && isOfUpstream(before, after) ? (['app'] as const) : [];
  return Object.fromEntries([...kept, ...keptWithIt].filter(differs).map((name) => [name, before[name]]));
}

function isOfUpstream(...configs: readonly Config[]): boolean {
  return configs.some(({ app }) => app.kind === 'uwsgi');
}

/** A mistake of the operator is told as at start; anything else is ours, and no reason to end a server that runs. */
function logFailure(log: Log, error: unknown): string {
  const isMistake = error instanceof ConfigError || error instanceof PolicyError;
  const text = isMistake ? error.message : stackOf(error);
  const [problem = '', ...rest] = text.split('\n');
  const line = `Not reloaded, the old configuration stays: ${problem}`;
  log.error(line, rest.length === 0 ? undefined : rest.join('\n'));
  // Where in our code it happened says nothing to whoever has asked.
  return isMistake ? [line, ...rest].join('\n') : line;
}
