/** Several measurements of one thing. Machines are never quiet: a single figure without its spread says nothing. */
export type Summary = { readonly median: number; readonly lowest: number; readonly highest: number };

/** Throws where nothing was measured. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), lowest: quantile(sorted, 0), highest: quantile(sorted, 1) };
}

/** Of ascending values, the one that a share of `q` (0 to 1) lies below; between two values, as much of each. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new Error('nothing was measured');
  return below + (above - below) * (position - Math.floor(position));
}

/** Value by value: ratios of runs that follow each other, which a machine's changing speed leaves alone. */
export function ratios(values: readonly number[], base: readonly number[]): readonly number[] {
  if (values.length !== base.length) throw new Error('ratios need as many values on both sides');
  return values.map((value, index) => value / (base[index] ?? Number.NaN));
}
