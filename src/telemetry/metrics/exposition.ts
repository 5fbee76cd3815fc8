import { type LabelsOf, type Metric, type MetricName, metricNames, metrics } from './catalogue.ts';
import { bucketsMs } from './edge-counts.ts';

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Prometheus' text format 0.0.4. The values are sums that edges have reported, which no client library has a place for: they
 * all want to count by themselves.
 */
export class Exposition {
  readonly #samples = new Map<MetricName, string[]>();

  /** Each combination of labels once. */
  add<Name extends MetricName>(name: Name, value: number, labels: LabelsOf<Name>): void {
    this.#sample(name, name, labels, value);
  }

  /** `at` is where the histogram begins in `counters`; there its buckets stand by themselves, here they are cumulative. */
  addHistogram<Name extends MetricName>(name: Name, counters: Float64Array, at: number, labels: LabelsOf<Name>): void {
    let count = 0;
    for (const [index, boundMs] of [...bucketsMs, Number.POSITIVE_INFINITY].entries()) {
      count += counters[at + index] ?? 0;
      const le = Number.isFinite(boundMs) ? String(boundMs / 1_000) : '+Inf';
      this.#sample(name, `${name}_bucket`, { ...labels, le }, count);
    }
    this.#sample(name, `${name}_sum`, labels, (counters[at + bucketsMs.length + 1] ?? 0) / 1_000);
    this.#sample(name, `${name}_count`, labels, count);
  }

  get text(): string {
    const lines: string[] = [];
    for (const name of metricNames) {
      const samples = this.#samples.get(name);
      if (samples === undefined) continue;
      const { help, type }: Metric = metrics[name];
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
    }
    return `${lines.join('\n')}\n`;
  }

  #sample(family: MetricName, name: string, labels: Readonly<Record<string, string>>, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    const line = `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
    const samples = this.#samples.get(family);
    if (samples === undefined) this.#samples.set(family, [line]);
    else samples.push(line);
  }
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
