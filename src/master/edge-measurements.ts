import type { EdgeReport } from '../telemetry/metrics/edge-counts.ts';
import { EdgeTotals } from '../telemetry/metrics/edge-totals.ts';

/** An edge, as far as it counts. */
export interface MeasuredEdge {
  /** It answers with a report under this id. */
  measure(id: number): void;
  kill(reason: string): void;
}

/** An edge answers within one turn of its event loop. Of one that does not, the last report counts. */
const answerMs = 500;

/** What the edges count, as they tell it once a second, and whenever they are asked. */
export class EdgeMeasurements {
  readonly totals = new EdgeTotals<MeasuredEdge>();
  readonly #answerMs: number;
  /** By the edge, those who wait for its answer to a question. */
  readonly #waiting = new Map<MeasuredEdge, Map<number, () => void>>();
  #lastId = 0;

  constructor(milliseconds = answerMs) {
    this.#answerMs = milliseconds;
  }

  /** Resolves when each of these edges has said how it is now, is gone, or takes too long. Never rejects. */
  async ask(edges: readonly MeasuredEdge[]): Promise<void> {
    await Promise.all(edges.map((edge) => this.#ask(edge)));
  }

  /** `id` is 0 where nobody has asked. */
  take(edge: MeasuredEdge, id: number, report: EdgeReport): void {
    if (!this.totals.take(edge, report)) edge.kill('told the master that it had counted backwards');
    this.#waiting.get(edge)?.get(id)?.();
  }

  ended(edge: MeasuredEdge): void {
    this.totals.ended(edge);
    for (const answered of this.#waiting.get(edge)?.values() ?? []) answered();
  }

  #ask(edge: MeasuredEdge): Promise<void> {
    this.#lastId += 1;
    const id = this.#lastId;
    const waiting = this.#waiting.get(edge) ?? new Map<number, () => void>();
    this.#waiting.set(edge, waiting);
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(deadline);
        waiting.delete(id);
        if (waiting.size === 0) this.#waiting.delete(edge);
        resolve();
      };
      const deadline = setTimeout(over, this.#answerMs);
      waiting.set(id, over);
      edge.measure(id);
    });
  }
}
