import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Metric, metricNames, metrics } from '../../../src/telemetry/metrics/catalogue.ts';

const table: Readonly<Record<string, Metric>> = metrics;
const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

describe('the metrics', () => {
  it('each have their line in docs/metrics.md, and the page has no other', () => {
    const listed = page.split('\n').filter((line) => /^\| `(?:portcullis|process)_/.test(line));
    const expected = metricNames.map((name) => {
      const { type, labels, help } = table[name] ?? assert.fail(name);
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
    });
    assert.deepEqual(listed, expected);
  });

  it('in its examples are ones that exist', () => {
    const named = [...page.matchAll(/\b(?:portcullis|process)_[a-z_]+/g)].map(([name]) => name);
    const known = named.filter((name) => name.replace(/_(?:bucket|sum|count)$/, '') in table || name in table);
    assert.deepEqual(known, named);
  });

  for (const name of metricNames) {
    it(`${name} is named as Prometheus has it`, () => {
      const { type, labels, help } = table[name] ?? assert.fail(name);
      assert.match(name, /^[a-z][a-z0-9_]*$/);
      assert.equal(name.endsWith('_total'), type === 'counter');
      assert.doesNotMatch(name, /_ms|milliseconds|_bytes_.*_seconds/);
      if (type === 'histogram') assert.match(name, /_seconds$/);
      for (const label of labels) assert.match(label, /^[a-z]+$/);
      assert.match(help, /^[A-Z0-9][^\n\\]*\.$/);
    });
  }
});
