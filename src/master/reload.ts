import { isDeepStrictEqual } from 'node:util';
import { type Config, ConfigError } from '../config/config.ts';
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
  resize(before: Config, after: Config): void;
}

/**
 * HUP, and a policy file that changes. The new policy is read, checked and compared aside; only then do the edges hear of it,
 * all at once. What is wrong with it goes to the log, and the old one stays.
 */
export class Reload {
  /** As the last reload left it. */
  #config: Config;
  readonly #log: Log;
  readonly #reread: Reread;
  readonly #owner: ReloadOwner;
  readonly #runs = new OneAtATime(() => this.#run());
  readonly #watch = new FileWatch((files) => this.#filesChanged(files));
  /** Somebody wants to hear of the next run, also where nothing has changed. */
  #isAskedFor = false;
  #hasEnded = false;

  constructor(config: Config, log: Log, reread: Reread, owner: ReloadOwner) {
    this.#config = config;
    this.#log = log;
    this.#reread = reread;
    this.#owner = owner;
  }

  /** Runs once `begin` was called, and once more for all that ask while it runs. */
  request(): void {
    this.#isAskedFor = true;
    this.#runs.request();
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
  }

  #filesChanged(files: readonly string[]): void {
    this.#log.info(`Policy file changed: ${files.join(', ')}`);
    this.request();
  }

  async #run(): Promise<void> {
    const isAskedFor = this.#isAskedFor;
    this.#isAskedFor = false;
    try {
      const after = await this.#read();
      if (!this.#hasEnded) await this.#adopt(after, isAskedFor);
    } catch (error) {
      logFailure(this.#log, error);
    }
  }

  /** Marks of the files are taken first, so that a change while they are read is one that the watch sees. */
  async #read(): Promise<Config> {
    const { watchPolicy, policyFile } = this.#config;
    if (watchPolicy && policyFile !== null) await this.#watch.follow(policyFiles(policyFile));
    return this.#reread();
  }

  async #adopt(after: Config, isAskedFor: boolean): Promise<void> {
    const before = this.#config;
    const { policy, policyFile, workers, edges } = after;
    const inVain = unreloadable(before, after);
    if (inVain.length > 0) this.#log.warning(`Not changed by a reload, needs a restart: ${inVain.join(', ')}`);
    const processes = before.workerClass === 'inline' ? { edges } : { workers };
    this.#config = { ...before, policy, policyFile, ...processes };
    // As at the start: another file is watched from its next reading on.
    if (before.watchPolicy && policyFile !== before.policyFile) this.#runs.request();
    if (!isDeepStrictEqual(policy, before.policy)) await this.#replace(after);
    else if (isAskedFor) this.#log.info(`Policy unchanged: ${policy.name}`);
    if (!this.#hasEnded) this.#owner.resize(before, this.#config);
  }

  async #replace({ policy, warnings }: Config): Promise<void> {
    for (const warning of warnings) this.#log.warning(warning);
    const edges = await this.#owner.replacePolicy(policy);
    if (this.#hasEnded) return;
    this.#log.info(`Policy reloaded: ${policy.name} (in force in ${edges} ${edges === 1 ? 'edge' : 'edges'})`);
  }
}

/** A reload brings these; the last two are no settings. `edges` counts the workers with `inline`. */
type Reloadable = 'policy' | 'policyFile' | 'workers' | 'checkOnly' | 'warnings';

/** What takes a restart, by the names that people know. */
const fixedSettings: Readonly<Record<Exclude<keyof Config, Reloadable>, string>> = {
  app: 'the application',
  workingDirectory: 'chdir',
  environment: 'env',
  binds: 'bind',
  workerClass: 'worker-class',
  edges: 'edges',
  workerConnections: 'worker-connections',
  scriptName: 'script-name',
  backlog: 'backlog',
  gracefulTimeoutMs: 'graceful-timeout',
  rateLimitStore: 'rate-limit-store',
  logLevel: 'log-level',
  accessLog: 'the access log',
  errorLog: 'the error log',
  record: 'record',
  watchPolicy: 'watch-policy',
};

/** The settings that the new configuration has in vain. With `inline` the edges are the workers, which may change. */
function unreloadable(before: Config, after: Config): readonly string[] {
  const names = Object.keys(fixedSettings) as readonly (keyof typeof fixedSettings)[];
  return names
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .filter((name) => name !== 'edges' || before.workerClass !== 'inline')
    .map((name) => fixedSettings[name]);
}

/** A mistake of the operator is told as at start; anything else is ours, and no reason to end a server that runs. */
function logFailure(log: Log, error: unknown): void {
  const isMistake = error instanceof ConfigError || error instanceof PolicyError;
  const text = isMistake ? error.message : stackOf(error);
  const [problem = '', ...rest] = text.split('\n');
  log.error(`Policy not reloaded, the old one stays: ${problem}`, rest.length === 0 ? undefined : rest.join('\n'));
}
