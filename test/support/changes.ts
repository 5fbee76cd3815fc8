import { within } from './deadline.ts';

/** What a test waits for in somebody who changes: looked at now, and again after each change. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Something may hold that did not before. */
  happened(): void {
    for (const check of [...this.#waiting]) check();
  }

  /** Resolves once it holds; fails with `what` after so many milliseconds. */
  until(holds: () => boolean, milliseconds: number, what: () => string): Promise<void> {
    const held = new Promise<void>((resolve) => {
      const check = (): void => {
        if (!holds()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
    return within(milliseconds, held, what);
  }
}
