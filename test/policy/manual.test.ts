import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parserContext } from '../../src/explain/parser-context.ts';
import { runTests } from '../../src/explain/policy-test.ts';
import { loadTrustedPolicy } from '../../src/explain/trusted-policy.ts';
import { PathTable } from '../../src/inspect/path-table.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { rules } from '../../src/rejection/rules.ts';

const page = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'portcullis-manual-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** The cells of the table that begins with this head, of each the texts that are code. */
function table(head: string): readonly (readonly (readonly string[])[])[] {
  const [, below = ''] = page.split(`${head}\n`);
  const lines = below.split('\n').slice(1);
  const rows = lines.slice(0, lines.indexOf(''));
  assert.notEqual(rows.length, 0, head);
  const cellsOf = (row: string): readonly string[] => row.split('|').slice(1, -1);
  return rows.map((row) => cellsOf(row).map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)));
}

describe('the manual of the policy language', () => {
  const examples = [...page.matchAll(/```jsonc\n([\s\S]*?)```/g)].map(([, example = '']) => example);

  it('has examples', () => assert.ok(examples.length >= 5));

  // The policy for a small shop: others extend it.
  writeFileSync(join(directory, 'shop.json'), examples[0] ?? '');

  for (const [index, example] of examples.entries()) {
    const hasHole = example.includes('// a hole');
    it(`has a policy that is valid${hasHole ? ', with a hole,' : ''} and passes its tests: example ${index + 1}`, () => {
      const path = join(directory, `example-${index}.json`);
      writeFileSync(path, example);
      const doubts = loadTrustedPolicy(path).doubts.map(({ pointer, problem }) => `${pointer}: ${problem}`);
      assert.equal(doubts.length, hasHole ? 1 : 0, doubts.join('\n'));
      if (hasHole) assert.match(doubts[0] ?? '', /^\/routes\/1: this route takes .* from everybody/);
    });
  }

  for (const [[pattern = ''] = [], takes = [], leaves = []] of table('| pattern | takes | does not take |')) {
    it(`says which paths ${pattern} takes`, () => {
      const paths = new PathTable([{ pattern, value: true }]);
      const isTaken = (path: string): boolean => {
        const bytes = Buffer.from(decodeURIComponent(path));
        return paths.find(bytes, 0, bytes.length, () => true, null) === true;
      };
      assert.notEqual(takes.length * leaves.length, 0);
      assert.deepEqual(takes.filter(isTaken), takes);
      assert.deepEqual(leaves.filter(isTaken), []);
    });
  }

  for (const [[request = '', host = ''] = [], labels = [], [route = ''] = []] of table(
    '| request | routes that take it | the one that counts |',
  )) {
    it(`says which route counts among ${labels.join(', ')}`, () => {
      for (const order of [labels, [...labels].reverse()]) {
        const file = JSON.stringify({ routes: order.map(routeOf) });
        const bytes = `${request} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
        const test = { name: request, request: bytes, expect: { verdict: 'pass', route } } as const;
        const policy = putInForce(policyFrom(Buffer.from(file), 'routes.json'));
        assert.deepEqual(runTests([test], policy, parserContext()), [{ name: request, problem: null }]);
        for (const label of labels) {
          const alone = JSON.stringify({ routes: [routeOf(label)] });
          const lone = putInForce(policyFrom(Buffer.from(alone), 'routes.json'));
          const expected = { ...test, expect: { route: label } };
          assert.deepEqual(runTests([expected], lone, parserContext()), [{ name: request, problem: null }]);
        }
      }
    });
  }

  it('has every key once, and a place for every link', () => {
    const anchors = [...page.matchAll(/<a id="([^"]+)"><\/a>/g)].map(([, id]) => id);
    assert.equal(new Set(anchors).size, anchors.length);
    for (const [, target] of page.matchAll(/\]\(#(key[^)]*)\)/g)) assert.ok(anchors.includes(target), target);
    const headings = [...page.matchAll(/^#{3,4} (\/\S+)$/gm)].map(([, pointer]) => pointer);
    const keys = Object.keys(policyKeys).filter((key) => !/^\/(rules|routes|tests|rateLimits)\/|^$/.test(key));
    assert.deepEqual(headings, keys);
  });

  it('says how each key of a test is meant', () => {
    const described = table('| key | holds when |').map(([[key = ''] = []]) => `/tests/*/expect/${key}`);
    const keys = Object.keys(policyKeys).filter((key) => key.startsWith('/tests/*/expect/'));
    assert.deepEqual(described.sort(), keys.sort());
  });

  it('links rules to their sections', () => {
    const anchors = new Set(Object.keys(rules).map((id) => id.replace('.', '-')));
    const links = [...page.matchAll(/\]\(rules\.md#([^)]+)\)/g)];
    assert.ok(links.length > 0);
    for (const [, anchor = ''] of links) assert.ok(anchors.has(anchor), anchor);
  });
});

/** `shop.example POST /a`, as `labelOf` writes it. */
function routeOf(label: string): object {
  const parts = label.split(' ');
  const path = parts.find((part) => part.startsWith('/'));
  const method = parts.find((part) => /^[A-Z]+$/.test(part));
  const host = parts.find((part) => part.includes('.') && !part.startsWith('/'));
  return {
    ...(host === undefined ? {} : { hosts: [host] }),
    ...(path === undefined ? {} : { path }),
    ...(method === undefined ? {} : { methods: [method] }),
  };
}
