import type { Rejection } from '../rejection/rejection.ts';
import type { Clock } from './clock.ts';
import { blocked } from './exceeded.ts';

/**
 * Whom the master has blocked, as its edge knows it: asked for the first byte and for the head of each request, so an empty
 * list costs a comparison and a long one a look-up. Blocks end by the clock of the edge; nobody has to tell it.
 */
export class BlockedClients {
  readonly #ends = new Map<string, number>();
  readonly #clock: Pick<Clock, 'now'>;
  #max: number;

  constructor(max: number, clock: Pick<Clock, 'now'>) {
    this.#max = max;
    this.#clock = clock;
  }

  get size(): number {
    return this.#ends.size;
  }

  /** The refusal of this client, by its `clientKey`; null: it is not blocked. */
  refusalOf(client: string): Rejection | null {
    if (this.#ends.size === 0) return null;
    const end = this.#ends.get(client);
    if (end === undefined) return null;
    const leftMs = end - this.#clock.now();
    if (leftMs > 0) return blocked(leftMs);
    this.#ends.delete(client);
    return null;
  }

  /** What the master says; for 0 ms: free again. */
  apply(clients: readonly (readonly [client: string, forMs: number])[]): void {
    const now = this.#clock.now();
    for (const [client, forMs] of clients) {
      this.#ends.delete(client);
      if (forMs > 0) this.#ends.set(client, now + forMs);
    }
    this.#makeRoom(now);
  }

  adopt(max: number): void {
    this.#max = max;
    this.#makeRoom(this.#clock.now());
  }

  /** Those that were blocked first go first: mostly they are over, and else there are too many. */
  #makeRoom(now: number): void {
    for (const [client, end] of this.#ends) {
      if (end > now && this.#ends.size <= this.#max) return;
      this.#ends.delete(client);
    }
  }
}
