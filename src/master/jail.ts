import { RecentlyUsed, Used } from '../admit/recently-used.ts';
import type { Log } from '../telemetry/error-log.ts';

/** Source: `/jail`, `/rateLimitStore/maxKeys`. */
export type JailRules = {
  readonly jail: { readonly maxScore: number; readonly decayMs: number; readonly blockMs: number };
  readonly rateLimitStore: { readonly maxKeys: number };
};

/** A new edge hears of all of them in one message, which has a longest length (`process/control-channel.ts`). */
const mostBlocked = 100_000;

export type Block = readonly [client: string, forMs: number];

/**
 * Clients that collect refusals, over all edges. Points add up, and go back in a straight line: those of a full score in
 * `decayMs`, so that somebody who mistypes now and then is never blocked, and a scanner soon is. A block ends by itself,
 * and with it the score. No timer runs: time is looked at where points come in.
 */
export class Jail {
  readonly #clock: { now(): number };
  readonly #log: Pick<Log, 'limited'>;
  readonly #tellEdges: (blocks: readonly Block[]) => void;
  readonly #scores: RecentlyUsed<Score>;
  readonly #blocks: RecentlyUsed<BlockEnd>;
  #rules: JailRules;

  constructor(
    rules: JailRules,
    clock: { now(): number },
    log: Pick<Log, 'limited'>,
    tellEdges: (blocks: readonly Block[]) => void,
  ) {
    this.#rules = rules;
    this.#clock = clock;
    this.#log = log;
    this.#tellEdges = tellEdges;
    this.#scores = new RecentlyUsed(rules.rateLimitStore.maxKeys);
    this.#blocks = new RecentlyUsed(blocksOf(rules));
  }

  /** Whoever is blocked, and for how much longer: for an edge that is new. */
  get blocked(): readonly Block[] {
    const now = this.#clock.now();
    return [...this.#blocks.values()].map(({ key, end }): Block => [key, end - now]).filter(([, forMs]) => forMs > 0);
  }

  get blockedCount(): number {
    const now = this.#clock.now();
    let count = 0;
    for (const { end } of this.#blocks.values()) if (end > now) count += 1;
    return count;
  }

  /** What edges have refused since they spoke last. Those who are blocked already gain nothing more. */
  note(clients: readonly (readonly [client: string, points: number])[]): void {
    const { jail } = this.#rules;
    if (jail.maxScore === 0) return;
    const now = this.#clock.now();
    const blocks: Block[] = [];
    for (const [client, points] of clients) {
      if (this.#isBlocked(client, now)) continue;
      const score = this.#scoreOf(client, now);
      score.points += points;
      if (score.points < jail.maxScore) continue;
      this.#scores.delete(score);
      this.#blocks.add(client, new BlockEnd(now + jail.blockMs));
      blocks.push([client, jail.blockMs]);
      const why = `${score.points.toFixed(0)} points of ${jail.maxScore}`;
      this.#log.limited('client.blocked', `Blocked ${client} for ${jail.blockMs / 1000} s: ${why}`);
    }
    if (blocks.length > 0) this.#tellEdges(blocks);
  }

  /** By an operator; the score of a client that is free again begins at nothing, as after any block. */
  block(client: string, forMs: number): void {
    this.release(client);
    this.#blocks.add(client, new BlockEnd(this.#clock.now() + forMs));
    this.#tellEdges([[client, forMs]]);
  }

  /** False: it was not blocked. */
  release(client: string): boolean {
    const score = this.#scores.get(client);
    if (score !== undefined) this.#scores.delete(score);
    const block = this.#blocks.get(client);
    if (block === undefined) return false;
    this.#blocks.delete(block);
    this.#tellEdges([[client, 0]]);
    return block.end > this.#clock.now();
  }

  /**
   * Scores stay as they are now and go back by the new numbers. Blocks stay as they were spoken, unless the jail is switched
   * off now; where it was off before, they are an operator's.
   */
  adopt(rules: JailRules): void {
    const now = this.#clock.now();
    for (const score of this.#scores.values()) this.#decay(score, now);
    const wasOff = this.#rules.jail.maxScore === 0;
    this.#rules = rules;
    this.#scores.bound(rules.rateLimitStore.maxKeys);
    this.#blocks.bound(blocksOf(rules));
    if (rules.jail.maxScore > 0 || wasOff) return;
    const freed = this.blocked.map(([client]): Block => [client, 0]);
    this.#scores.clear();
    this.#blocks.clear();
    if (freed.length > 0) this.#tellEdges(freed);
  }

  #isBlocked(client: string, now: number): boolean {
    const block = this.#blocks.get(client);
    if (block === undefined) return false;
    if (block.end > now) return true;
    this.#blocks.delete(block);
    return false;
  }

  #scoreOf(client: string, now: number): Score {
    const known = this.#scores.get(client);
    if (known !== undefined) return this.#decay(known, now);
    const score = new Score(now);
    this.#scores.add(client, score);
    return score;
  }

  #decay(score: Score, now: number): Score {
    const { maxScore, decayMs } = this.#rules.jail;
    score.points = Math.max(0, score.points - ((now - score.at) * maxScore) / decayMs);
    score.at = now;
    return score;
  }
}

function blocksOf({ rateLimitStore }: JailRules): number {
  return Math.min(rateLimitStore.maxKeys, mostBlocked);
}

class Score extends Used {
  points = 0;
  /** When it was this many. */
  at: number;

  constructor(at: number) {
    super();
    this.at = at;
  }
}

class BlockEnd extends Used {
  readonly end: number;

  constructor(end: number) {
    super();
    this.end = end;
  }
}
