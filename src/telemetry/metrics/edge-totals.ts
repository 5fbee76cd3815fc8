import { add, counterCount, type EdgeReport, gaugeCount } from './edge-counts.ts';

/**
 * The sums over all edges that this master ever had: an edge that dies or is replaced leaves its last report behind, so that
 * no counter goes down while the master lives.
 */
export class EdgeTotals<Edge extends object> {
  readonly #ofEnded = new Float64Array(counterCount);
  readonly #living = new Map<Edge, EdgeReport>();

  /** False, and nothing is taken: a counter went back. */
  take(edge: Edge, report: EdgeReport): boolean {
    const before = this.#living.get(edge);
    if (before?.counters.some((count, place) => (report.counters[place] ?? 0) < count) === true) return false;
    this.#living.set(edge, report);
    return true;
  }

  ended(edge: Edge): void {
    const last = this.#living.get(edge);
    if (last === undefined) return;
    this.#living.delete(edge);
    for (const [place, count] of last.counters.entries()) add(this.#ofEnded, place, count);
  }

  get counters(): Float64Array {
    const sums = Float64Array.from(this.#ofEnded);
    for (const { counters } of this.#living.values()) {
      for (const [place, count] of counters.entries()) add(sums, place, count);
    }
    return sums;
  }

  get gauges(): Float64Array {
    const sums = new Float64Array(gaugeCount);
    for (const { gauges } of this.#living.values())
      for (const [place, value] of gauges.entries()) add(sums, place, value);
    return sums;
  }
}
