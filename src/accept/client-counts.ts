import type { ClientCount } from '../admit/client-key.ts';

/** A connection that is over by then is never told of. */
const tellAfterMs = 10;
/** No count is this one. */
const unknownToMaster = -1;

/**
 * How many connections each client has open, by its `clientKey`, here and with the other edges of this server. It holds no more
 * keys than there are connections, and those that the master tells of because they have many.
 */
export class ClientCounts {
  readonly #tell: (counts: readonly ClientCount[]) => void;
  readonly #own = new Map<string, number>();
  readonly #others = new Map<string, number>();
  /** What was told last of those that may have changed since. */
  readonly #toldBefore = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `tell` hears of counts that have changed, 0 included. */
  constructor(tell: (counts: readonly ClientCount[]) => void) {
    this.#tell = tell;
  }

  /** False: the client has `max` already. What is taken has to be given back. */
  take(client: string, max: number): boolean {
    const own = this.#own.get(client) ?? 0;
    if (own + (this.#others.get(client) ?? 0) >= max) return false;
    this.#set(client, own, own + 1);
    return true;
  }

  giveBack(client: string): void {
    const own = this.#own.get(client) ?? 0;
    if (own > 0) this.#set(client, own, own - 1);
  }

  /** What the other edges have of a client, as the master says. */
  learn(others: readonly ClientCount[]): void {
    for (const [client, count] of others) {
      if (count > 0) this.#others.set(client, count);
      else this.#others.delete(client);
    }
  }

  /**
   * So many connections of this client are more than `max`, all edges together; none of them need be ours. The master, who asks
   * for it, counts what it asks for as closed: it is told what became of it, also where that is nothing.
   */
  excess(client: string, max: number): number {
    const own = this.#own.get(client) ?? 0;
    this.#note(client, unknownToMaster);
    return Math.max(0, own + (this.#others.get(client) ?? 0) - max);
  }

  #set(client: string, before: number, after: number): void {
    if (after > 0) this.#own.set(client, after);
    else this.#own.delete(client);
    if (!this.#toldBefore.has(client)) this.#note(client, before);
  }

  #note(client: string, toldBefore: number): void {
    this.#toldBefore.set(client, toldBefore);
    this.#timer ??= setTimeout(() => this.#tellChanges(), tellAfterMs).unref();
  }

  #tellChanges(): void {
    this.#timer = undefined;
    const changed: ClientCount[] = [];
    for (const [client, before] of this.#toldBefore) {
      const now = this.#own.get(client) ?? 0;
      if (now !== before) changed.push([client, now]);
    }
    this.#toldBefore.clear();
    if (changed.length > 0) this.#tell(changed);
  }
}
