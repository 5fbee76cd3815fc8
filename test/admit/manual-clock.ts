import type { Clock } from '../../src/admit/clock.ts';

/** A clock that only the test moves. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];
  #turn: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  atEndOfTurn(run: () => void): void {
    this.#turn.push(run);
  }

  get timers(): number {
    return this.#timers.length;
  }

  endTurn(): void {
    const turn = this.#turn;
    this.#turn = [];
    for (const run of turn) run();
  }

  /** Timers run when they are due; those that are due together, in one turn. */
  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    this.endTurn();
    for (;;) {
      const next = Math.min(...this.#timers.map(({ at }) => at));
      if (next > end) break;
      this.#now = Math.max(this.#now, next);
      const due = this.#timers.filter(({ at }) => at === next);
      this.#timers = this.#timers.filter(({ at }) => at !== next);
      for (const { run } of due) run();
      this.endTurn();
    }
    this.#now = end;
  }
}
