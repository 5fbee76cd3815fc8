import type { RecyclingLimits } from '../config/config.ts';
import type { Log } from '../telemetry/error-log.ts';
import { residentBytes } from '../telemetry/resident-memory.ts';
import type { ChildState } from './child-handle.ts';
import { createRestartBackoff } from './restart-backoff.ts';

export type RecycledWorker = { readonly pid: number | undefined; readonly state: ChildState };

export interface RecyclingOwner<Worker> {
  readonly serving: readonly Worker[];
  /** Starts another, and lets this one drain once that one serves. False: it could not be started, and this one goes on. */
  replace(worker: Worker): Promise<boolean>;
}

/** As often as Gunicorn's workers look around. */
const sampleMs = 1_000;
/** Workers that were started together do not have to leave together. */
const lifetimeJitter = 0.1;

/**
 * Replaces workers that have run their number of requests, have grown too large or have lived their time: one after the other,
 * so that however many are due there is always one process too many and never one too few.
 */
export class Recycling<Worker extends RecycledWorker> {
  #limits: RecyclingLimits;
  readonly #log: Log;
  readonly #owner: RecyclingOwner<Worker>;
  readonly #random: () => number;
  /** In the order in which they were found, each with why. */
  readonly #due = new Map<Worker, string>();
  readonly #lifetimes = new Map<Worker, NodeJS.Timeout>();
  readonly #backoff = createRestartBackoff();
  #timer: NodeJS.Timeout | undefined;
  #isReplacing = false;
  #hasEnded = false;

  constructor(limits: RecyclingLimits, log: Log, owner: RecyclingOwner<Worker>, random = Math.random) {
    this.#limits = limits;
    this.#log = log;
    this.#owner = owner;
    this.#random = random;
  }

  /** For the next worker, drawn anew for each so that they do not leave together. 0: no limit. */
  drawMaxRequests(): number {
    const { maxRequests, maxRequestsJitter } = this.#limits;
    return maxRequests === 0 ? 0 : maxRequests + Math.floor(this.#random() * (maxRequestsJitter + 1));
  }

  /** Its number of requests and its lifetime are drawn when a worker is started, its memory counts at once. */
  adopt(limits: RecyclingLimits): void {
    this.#limits = limits;
    if (!this.#hasEnded) this.start();
  }

  start(): void {
    const { maxMemoryBytes } = this.#limits;
    clearInterval(this.#timer);
    if (maxMemoryBytes === 0) return;
    if (residentBytes(process.pid) === null) {
      this.#log.warning('--max-memory has no effect: this system does not tell how much memory a process has (/proc).');
      return;
    }
    this.#timer = setInterval(() => this.#weigh(), sampleMs).unref();
  }

  end(): void {
    this.#hasEnded = true;
    clearInterval(this.#timer);
    for (const timer of this.#lifetimes.values()) clearTimeout(timer);
    this.#lifetimes.clear();
  }

  serving(worker: Worker): void {
    const { lifetimeMs } = this.#limits;
    if (lifetimeMs === 0 || this.#hasEnded) return;
    const afterMs = lifetimeMs * (1 + this.#random() * lifetimeJitter);
    const timer = setTimeout(() => this.request(worker, `it has lived for ${Math.round(afterMs / 1000)} s`), afterMs);
    this.#lifetimes.set(worker, timer.unref());
  }

  gone(worker: Worker): void {
    clearTimeout(this.#lifetimes.get(worker));
    this.#lifetimes.delete(worker);
    this.#due.delete(worker);
  }

  /** `why` ends a log line. */
  request(worker: Worker, why: string): void {
    if (this.#hasEnded || this.#due.has(worker)) return;
    this.#due.set(worker, why);
    if (!this.#isReplacing) void this.#replaceAll();
  }

  #weigh(): void {
    const { maxMemoryBytes } = this.#limits;
    for (const worker of this.#owner.serving) {
      const bytes = worker.pid === undefined ? null : residentBytes(worker.pid);
      if (bytes === null || bytes <= maxMemoryBytes) continue;
      this.request(worker, `it holds ${mebibytes(bytes)} of memory, ${mebibytes(maxMemoryBytes)} are allowed`);
    }
  }

  async #replaceAll(): Promise<void> {
    this.#isReplacing = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const [worker, why] = next;
      // Gunicorn's words, which people search their logs for.
      this.#log.info(`Autorestarting worker after current request. (pid:${worker.pid}; ${why})`);
      const startedAt = performance.now();
      const isReplaced = await this.#owner.replace(worker);
      if (this.#hasEnded) break;
      if (isReplaced) {
        this.#due.delete(worker);
      } else if (worker.state === 'serving') {
        const waitMs = Math.max(sampleMs, this.#backoff.waitAfter(performance.now() - startedAt));
        this.#log.warning(`Worker (pid:${worker.pid}) goes on, since no other could be started in its place`);
        await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      }
    }
    this.#isReplacing = false;
  }

  #next(): readonly [Worker, string] | undefined {
    for (const entry of this.#due) {
      if (entry[0].state === 'serving') return entry;
      this.#due.delete(entry[0]);
    }
    return undefined;
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
