import { type Log, openErrorLog } from '../../src/telemetry/error-log.ts';
import { within } from './deadline.ts';

/** A log that keeps its lines, each as `[LEVEL] text`. */
export class LogLines {
  readonly lines: string[] = [];
  readonly log: Log = openErrorLog({
    level: 'info',
    write: (lines) => {
      for (const line of lines.trimEnd().split('\n')) this.lines.push(line.replace(/^(?:\[[^\]]*\] ){2}/, ''));
      for (const check of this.#waiting) check();
    },
  });
  readonly #waiting = new Set<() => void>();

  /** Resolves when so many lines match. */
  async logged(pattern: RegExp, count = 1): Promise<void> {
    const found = new Promise<void>((resolve) => {
      const check = (): void => {
        if (this.matching(pattern).length < count) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
    await within(30_000, found, () => `not ${count} times ${pattern} in:\n${this.lines.join('\n')}`);
  }

  matching(pattern: RegExp): readonly string[] {
    return this.lines.filter((line) => pattern.test(line));
  }
}
