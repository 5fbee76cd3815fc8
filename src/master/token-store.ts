import type { Grant, TokenLimit } from '../admit/token-buckets.ts';
import { type StoreAddress, storeText } from '../config/rate-limit-store.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { SharedCounters } from './shared-counters.ts';

/** What the policy says of the store. */
export type StoreBehaviour = {
  /** A take that the store has not answered by then is answered without it. */
  readonly timeoutMs: number;
  /** While the store cannot be asked: each server counts for itself, or refuses all that a limit is for. */
  readonly outage: 'local' | 'refuse';
};

export type StoreHealth = { readonly isUp: boolean; readonly outages: number };

type State = 'connecting' | 'sharing' | 'out' | 'closed';
type Input = 'connected' | 'failed' | 'close';

const transitions: Readonly<Record<State, Readonly<Partial<Record<Input, State>>>>> = {
  connecting: { connected: 'sharing', failed: 'out', close: 'closed' },
  sharing: { failed: 'out', close: 'closed' },
  out: { connected: 'sharing', failed: 'out', close: 'closed' },
  closed: { failed: 'closed', close: 'closed' },
};

/** Between two attempts to connect; somewhat more by chance, so that many servers do not come at the same time. */
const retryMs = 1_000;
const jitterMs = 250;
/** Takes that wait for the store at once: what it counts in a fraction of the usual time-out. */
const maxUnderWay = 512;

const inOutage = {
  local: 'limits are those of this server alone until it is back',
  refuse: 'requests that a limit is for are refused until it is back',
};

/**
 * The store as a breaker: the first error or time-out of any take ends the use of it, for all takes at once, and no request
 * waits for it until an attempt from outside of all requests has succeeded. The log has one line for each change.
 */
export class TokenStore {
  behaviour: StoreBehaviour;
  readonly #address: StoreAddress;
  readonly #log: Log;
  #state: State = 'connecting';
  /** While `sharing`. */
  #counters: SharedCounters | undefined;
  #underWay = 0;
  #outSince = 0;
  #outages = 0;
  #retry: NodeJS.Timeout | undefined;
  /** Over once it is known whether the store is there. */
  readonly #firstAttempt: Promise<void>;

  constructor(address: StoreAddress, behaviour: StoreBehaviour, log: Log) {
    this.#address = address;
    this.behaviour = behaviour;
    this.#log = log;
    this.#firstAttempt = this.#connect();
  }

  get health(): StoreHealth {
    return { isUp: this.#state === 'sharing', outages: this.#outages };
  }

  /** Undefined where the store cannot say. Never rejects. */
  async take(limit: TokenLimit, key: string, tokens: number): Promise<Grant | undefined> {
    // So that the first requests of a server are no outage.
    if (this.#state === 'connecting') await this.#firstAttempt;
    const counters = this.#counters;
    if (counters === undefined) return undefined;
    if (this.#underWay >= maxUnderWay) {
      this.#log.limited(
        'rate-limit-store',
        `More than ${maxUnderWay} takes wait for ${this.#name}: others go without it`,
      );
      return undefined;
    }
    this.#underWay += 1;
    try {
      return await counters.take(limit, key, tokens, this.behaviour.timeoutMs);
    } catch (error) {
      this.#failed(error, counters);
      return undefined;
    } finally {
      this.#underWay -= 1;
    }
  }

  close(): void {
    this.#enter('close');
    clearTimeout(this.#retry);
    this.#drop();
  }

  get #name(): string {
    return `the rate-limit store at ${storeText(this.#address)}`;
  }

  async #connect(): Promise<void> {
    try {
      // Only who has a store loads its client.
      const { SharedCounters } = await import('./shared-counters.ts');
      this.#connected(await SharedCounters.connect(this.#address, this.behaviour.timeoutMs));
    } catch (error) {
      this.#failed(error, undefined);
    }
  }

  #connected(counters: SharedCounters): void {
    if (this.#state === 'closed') return counters.close();
    const wasOut = this.#state === 'out';
    this.#enter('connected');
    this.#counters = counters;
    counters.onLost = (error) => this.#failed(error, counters);
    if (wasOut) this.#log.info(`${capital(this.#name)} is back after ${this.#outFor()}: limits are shared again`);
    else this.#log.debug(`Rate limits are shared through ${this.#name}`);
  }

  /** `counters` are those that failed, undefined while there are none; of earlier ones the end is known. */
  #failed(error: unknown, counters: SharedCounters | undefined): void {
    if (counters !== this.#counters || this.#state === 'closed') return;
    if (this.#state !== 'out') {
      this.#outSince = performance.now();
      this.#outages += 1;
      const reason = withoutPassword(reasonOf(error), this.#address.password);
      this.#log.warning(`${capital(this.#name)} fails (${reason}): ${inOutage[this.behaviour.outage]}`);
    }
    this.#enter('failed');
    this.#drop();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), retryMs + Math.random() * jitterMs);
  }

  #drop(): void {
    const counters = this.#counters;
    this.#counters = undefined;
    counters?.close();
  }

  #outFor(): string {
    return `${((performance.now() - this.#outSince) / 1000).toFixed(1)} s`;
  }

  #enter(input: Input): void {
    const next = transitions[this.#state][input];
    if (next === undefined) throw new Error(`no transition from ${this.#state} on ${input}`);
    this.#state = next;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Where several addresses of a name were tried, the error has no message of its own. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message } = error instanceof AggregateError && error.message === '' ? (error.errors[0] as Error) : error;
  return message;
}

/** A server that is no Redis may quote the command that it does not know. */
function withoutPassword(text: string, password: string): string {
  return password === '' ? text : text.replaceAll(password, '***');
}
