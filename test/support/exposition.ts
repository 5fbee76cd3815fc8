import assert from 'node:assert/strict';

/** A page of metrics, read as strictly as its specification has it. */
export type Page = {
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  /** By the name with its labels, as they stand there. */
  readonly samples: ReadonlyMap<string, number>;
};

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const sampleLine = new RegExp(
  `^(${name})(?:\\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"(?:,|(?=\\})))+)\\})? (\\S+)$`,
);
const histogramParts = ['_bucket', '_sum', '_count'];

/**
 * Prometheus' text format 0.0.4: HELP and TYPE in front of each family, whose samples stand together; no sample twice;
 * buckets that only grow, up to `+Inf`, which is the count.
 */
export function parseExposition(text: string): Page {
  assert.ok(text.endsWith('\n'), 'the last line has no end');
  const families = new Map<string, { type: string; help: string }>();
  const samples = new Map<string, number>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (\S+) (\S.*)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (help !== null) {
      current = help[1] ?? '';
      assert.ok(!families.has(current), `${current} comes twice`);
      families.set(current, { help: help[2] ?? '', type: '' });
    } else if (type !== null) {
      assert.equal(type[1], current, 'TYPE of another family');
      families.set(current, { help: families.get(current)?.help ?? '', type: type[2] ?? '' });
    } else {
      const [, sample = '', labels, value = ''] = sampleLine.exec(line) ?? assert.fail(`no sample: ${line}`);
      const isHistogram = families.get(current)?.type === 'histogram';
      const names = isHistogram ? histogramParts.map((part) => current + part) : [current];
      assert.ok(names.includes(sample), `${sample} among ${current}`);
      const key = labels === undefined ? sample : `${sample}{${labels}}`;
      assert.ok(!samples.has(key), `${key} comes twice`);
      assert.ok(Number.isFinite(Number(value)), line);
      samples.set(key, Number(value));
    }
  }
  for (const [family, { type }] of families) if (type === 'histogram') checkBuckets(family, samples);
  return { families, samples };
}

function checkBuckets(family: string, samples: ReadonlyMap<string, number>): void {
  const before = new Map<string, number>();
  for (const [key, value] of samples) {
    if (!key.startsWith(`${family}_bucket{`)) continue;
    const series = key.replace(/,?le="[^"]*"/, '').replace('{}', '');
    assert.ok(value >= (before.get(series) ?? 0), `${key} shrinks`);
    before.set(series, value);
    if (key.includes('le="+Inf"')) assert.equal(samples.get(series.replace('_bucket', '_count')), value, key);
  }
  assert.ok(before.size > 0, `${family} has no buckets`);
}
