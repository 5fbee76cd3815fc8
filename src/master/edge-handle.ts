import type { ClientCount } from '../admit/client-key.ts';
import type { Grant } from '../admit/token-buckets.ts';
import type { Take } from '../admit/token-requests.ts';
import type { Policy } from '../policy/policy.ts';
import type { EdgeStart, EdgeToMaster, MasterToEdge } from '../process/control-messages.ts';
import { type EdgeReport, isEdgeReport } from '../telemetry/metrics/edge-counts.ts';
import { type ChildCommand, ChildHandle, type ChildState } from './child-handle.ts';
import type { PoolChild, PoolChildEvents } from './child-pool.ts';
import type { WatchedChild } from './heartbeat.ts';
import type { Link, WorkerHandle } from './worker-handle.ts';

export type EdgeEvents = PoolChildEvents & {
  /** The edge waits for this worker, by its id, at this link. */
  linkReady(worker: number, link: Link): void;
  /** No request begins under an older policy any more. */
  policyInForce(version: number): void;
  /** Connections that these clients have with it now. */
  clientCounts(counts: readonly ClientCount[]): void;
  /** What clients of this edge were refused for, in points. */
  offences(clients: readonly (readonly [client: string, score: number])[]): void;
  /** It asks for tokens of rate limits, and waits for `grantTokens`. */
  takeTokens(batch: number, takes: readonly Take[]): void;
  /** What it has counted; `id` is that of the question, 0 where nobody has asked. */
  measured(id: number, report: EdgeReport): void;
};

/** An edge process as its master sees it. */
export class EdgeHandle implements PoolChild {
  readonly #child: ChildHandle<EdgeToMaster, MasterToEdge>;
  /** By the worker whose silence the edge has been told of: who waits for its answer. */
  readonly #silences = new Map<number, () => void>();
  #reachable = 0;

  constructor(command: ChildCommand, start: EdgeStart, events: EdgeEvents) {
    this.#child = new ChildHandle<EdgeToMaster, MasterToEdge>(command, {
      ...events,
      received: (message) => {
        if (message.type === 'link-ready') {
          const { worker, path, token, startedPath } = message;
          events.linkReady(worker, { path, token, startedPath });
        } else if (message.type === 'policy-in-force') {
          events.policyInForce(message.version);
        } else if (message.type === 'upstream-reachable') {
          this.#reachable = message.servers;
        } else if (message.type === 'silence-noted') {
          this.#silences.get(message.worker)?.();
          this.#silences.delete(message.worker);
        } else if (message.type === 'offences') {
          if (areOffences(message.clients)) events.offences(message.clients);
          else this.#child.kill('told the master of offences in a way that it does not understand');
        } else if (message.type === 'client-counts') {
          if (areCounts(message.counts)) events.clientCounts(message.counts);
          else this.#child.kill('told the master of connections in a way that it does not understand');
        } else if (message.type === 'take-tokens') {
          if (areTakes(message.takes)) events.takeTokens(message.batch, message.takes);
          else this.#child.kill('asked the master for tokens in a way that it does not understand');
        } else if (message.type === 'measured') {
          if (isEdgeReport(message.report)) events.measured(message.id, message.report);
          else this.#child.kill('told the master what it had counted in a way that it does not understand');
        } else {
          this.#child.kill(`sent the master an unknown message (${message.type})`);
        }
      },
    });
    this.#child.send({ ...start, policy: withoutOrigins(start.policy) });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get state(): ChildState {
    return this.#child.state;
  }

  get watched(): WatchedChild {
    return this.#child;
  }

  /** Servers of the upstream that it knows to be there. */
  get reachableUpstreams(): number {
    return this.#reachable;
  }

  get livedMs(): number {
    return this.#child.livedMs;
  }

  /** Resolves once the edge knows that this worker is about to be killed; never where it does not answer. */
  noteSilence(worker: WorkerHandle): Promise<void> {
    this.#child.send({ type: 'worker-silent', worker: worker.id });
    return new Promise((resolve) => this.#silences.set(worker.id, resolve));
  }

  /** It answers with `linkReady`. */
  expectWorker(worker: WorkerHandle): void {
    if (worker.pid !== undefined) this.#child.send({ type: 'expect-worker', worker: worker.id, pid: worker.pid });
  }

  /** No request that it reads after this goes to that worker. */
  letGo(worker: WorkerHandle): void {
    this.#child.send({ type: 'worker-leaves', worker: worker.id });
  }

  /** It answers with `policyInForce`; also while it boots. */
  adopt(version: number, policy: Policy): void {
    this.#child.send({ type: 'policy', version, policy: withoutOrigins(policy) });
  }

  /** Each for so long; 0: no longer. Not before it serves. */
  block(clients: readonly (readonly [client: string, forMs: number])[]): void {
    if (clients.length > 0) this.#child.send({ type: 'blocked', clients });
  }

  countClients(others: readonly ClientCount[], surplus: readonly ClientCount[]): void {
    this.#child.send({ type: 'client-counts', others, surplus });
  }

  grantTokens(batch: number, answers: readonly Grant[]): void {
    this.#child.send({ type: 'tokens', batch, answers });
  }

  /** Its access log is a file that has another name by now. */
  reopenLogs(): void {
    this.#child.send({ type: 'reopen-logs' });
  }

  /** It answers with `measured`. */
  measure(id: number): void {
    this.#child.send({ type: 'measure', id });
  }

  drain(milliseconds: number): void {
    this.#child.drain(milliseconds);
  }

  stop(): void {
    this.#child.stop();
  }

  kill(reason: string): void {
    this.#child.kill(reason);
  }
}

/** They are for people, whom no edge answers, and can be several times the rest: the path of a file for each value of each route. */
function withoutOrigins(policy: Policy): Policy {
  return { ...policy, origins: {} };
}

const maxKeyLength = 64;
const maxTokens = 1_000_000_000;

/** Checked one by one: an edge reads what clients send, and what it says here would become numbers of all other edges. */
function areTakes(takes: unknown): takes is readonly Take[] {
  return Array.isArray(takes) && takes.every(isTake);
}

function isTake(take: unknown): boolean {
  if (!Array.isArray(take)) return false;
  const [limit, key, tokens, needed = tokens] = take as readonly unknown[];
  const areTexts = typeof limit === 'string' && typeof key === 'string' && key.length <= maxKeyLength;
  return areTexts && isCount(tokens) && isCount(needed);
}

function isCount(tokens: unknown): boolean {
  return typeof tokens === 'number' && Number.isInteger(tokens) && tokens >= 1 && tokens <= maxTokens;
}

function areCounts(counts: unknown): boolean {
  return Array.isArray(counts) && counts.every((count) => isAmountOfClient(count) || isNone(count));
}

/** The client has gone. */
function isNone(count: unknown): boolean {
  return Array.isArray(count) && count[1] === 0 && isAmountOfClient([count[0], 1]);
}

function areOffences(clients: unknown): boolean {
  return Array.isArray(clients) && clients.every(isAmountOfClient);
}

function isAmountOfClient(entry: unknown): boolean {
  if (!Array.isArray(entry)) return false;
  const [client, amount] = entry as readonly unknown[];
  return typeof client === 'string' && client.length <= maxKeyLength && isCount(amount);
}
