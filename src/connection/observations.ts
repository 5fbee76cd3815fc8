import type { RuleId } from '../rejection/rules.ts';

/** How often each rule would have refused a request, were it not only observed. */
export class Observations {
  readonly #counts = new Map<RuleId, number>();

  note(rule: RuleId): void {
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
  }

  /** `host.not-allowed 3, method.not-allowed 1`; undefined if there is nothing to tell. */
  summary(): string | undefined {
    if (this.#counts.size === 0) return undefined;
    const most = [...this.#counts].sort(([, left], [, right]) => right - left);
    return most.map(([rule, count]) => `${rule} ${count}`).join(', ');
  }
}
