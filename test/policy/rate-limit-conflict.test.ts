import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadPolicy } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';
import type { Policy } from '../../src/policy/policy.ts';

const directory = mkdtempSync(join(tmpdir(), 'portcullis-rate-limits-'));
after(() => rmSync(directory, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

/** The policy of `site.json` among these files. */
function load(files: Files): Policy {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return loadPolicy(join(directory, 'site.json'));
}

const limit = (changes: object = {}): string => JSON.stringify({ name: 'a', requests: 100, per: '1s', ...changes });
const route = (path: string, ...limits: readonly string[]): string =>
  `{ "path": "${path}", "rateLimits": [${limits.join(', ')}] }`;
const general = (...limits: readonly string[]): string => `"rateLimits": [${limits.join(', ')}]`;
const routes = (...all: readonly string[]): string => `"routes": [\n${all.join(',\n')}]`;
const theSame = (place: string): string => `expected the same limit as at ${place}, which is called "a" too`;

const refused: readonly { readonly behaviour: string; readonly files: Files; readonly mistakes: readonly string[] }[] =
  [
    {
      behaviour: 'one name twice in a list, though both say the same',
      files: { 'site.json': `{ ${general(limit(), limit())} }` },
      mistakes: ['site.json:1:58: /rateLimits/1: expected each name once in a list, found "a" again'],
    },
    {
      behaviour: 'one name twice in the list of a route',
      files: { 'site.json': `{ ${routes(route('/x', limit(), limit({ requests: 9 })))} }` },
      mistakes: ['site.json:2:72: /routes/0/rateLimits/1: expected each name once in a list, found "a" again'],
    },
    {
      behaviour: 'another limit of the same name on a route',
      files: { 'site.json': `{ ${general(limit())},\n${routes(route('/x', limit({ requests: 9 })))} }` },
      mistakes: [`site.json:3:32: /routes/0/rateLimits/0: ${theSame('1:18')}`],
    },
    ...[
      { key: 'route' },
      { per: '2s' },
      { burst: 101 },
      { block: '1s' },
      { cost: 2 },
      { accuracy: 'exact' },
      { key: 'header:X-Api-Key', requests: 9 },
    ].map((changes) => ({
      behaviour: `two routes whose limits of one name differ in ${Object.keys(changes).join(' and ')}`,
      files: { 'site.json': `{ ${routes(route('/x', limit()), route('/y', limit(changes)))} }` },
      mistakes: [`site.json:3:32: /routes/1/rateLimits/0: ${theSame('2:32')}`],
    })),
    {
      behaviour: 'a request that costs more than a burst holds',
      files: { 'site.json': `{ ${general(limit({ burst: 5, cost: 6 }))} }` },
      mistakes: [
        'site.json:1:18: /rateLimits/0: expected a burst of at least the cost of one request, found a burst of 5 and a cost of 6',
      ],
    },
    {
      behaviour: 'a request that costs more than come in the time, which is the burst where there is none',
      files: { 'site.json': `{ ${general(limit({ requests: 5, cost: 6 }))} }` },
      mistakes: [
        'site.json:1:18: /rateLimits/0: expected a burst of at least the cost of one request, found a burst of 5 and a cost of 6',
      ],
    },
    {
      behaviour: 'a route that says something else than the file that it extends',
      files: {
        'site.json': `{ "extends": "./base.json",\n${routes(route('/x', limit({ requests: 9 })))} }`,
        'base.json': `{\n  ${general(limit())} }`,
      },
      mistakes: [`site.json:3:32: /routes/0/rateLimits/0: ${theSame('base.json:2:18')}`],
    },
    {
      behaviour: 'a general limit that says something else than a route of the file that it extends',
      files: {
        'site.json': `{ "extends": "./base.json", ${general(limit({ requests: 9 }))} }`,
        'base.json': `{ ${routes(route('/x', limit()))} }`,
      },
      mistakes: [`site.json:1:44: /rateLimits/0: ${theSame('base.json:2:32')}`],
    },
    {
      behaviour: 'a route that says something else than a shipped policy',
      files: {
        'site.json': `{ "extends": "strict", ${routes(route('/x', '{ "name": "per-client", "requests": 1, "per": 1 }'))} }`,
      },
      mistakes: [
        'site.json:2:32: /routes/0/rateLimits/0: expected the same limit as at strict, which is called "per-client" too',
      ],
    },
    {
      behaviour: 'files that the nearest one only brings together',
      files: {
        'site.json': '{ "extends": "./base.json" }',
        'base.json': `{ "extends": "./company.json", ${routes(route('/x', limit({ requests: 9 })))} }`,
        'company.json': `{ ${general(limit())} }`,
      },
      mistakes: [`base.json:2:32: /routes/0/rateLimits/0: ${theSame('company.json:1:18')}`],
    },
  ];

const accepted: readonly { readonly behaviour: string; readonly files: Files }[] = [
  {
    behaviour: 'the same limit in general and on two routes, however it is written',
    files: {
      'site.json': `{ ${general(limit())}, ${routes(
        route('/x', limit({ per: 1, burst: 100, key: 'client' })),
        route('/y', limit({ per: '1000ms', cost: 1, accuracy: 'leased' })),
      )} }`,
    },
  },
  {
    behaviour: 'fields of one name in two letter cases',
    files: {
      'site.json': `{ ${routes(route('/x', limit({ key: 'header:X-Api-Key' })), route('/y', limit({ key: 'header:x-api-key' })))} }`,
    },
  },
  {
    behaviour: 'a cost of the whole burst',
    files: { 'site.json': `{ ${general(limit({ requests: 1, burst: 5, cost: 5 }))} }` },
  },
  {
    behaviour: 'another limit than a file that it extends, whose list it replaces',
    files: {
      'site.json': `{ "extends": "./base.json", ${general(limit({ requests: 9 }))}, "routes": [] }`,
      'base.json': `{ ${general(limit())}, ${routes(route('/x', limit()))} }`,
    },
  },
];

describe('a policy of rate limits is refused for', () => {
  for (const { behaviour, files, mistakes } of refused) {
    it(behaviour, () => {
      assert.throws(
        () => load(files),
        (error) => {
          assert.ok(error instanceof PolicyError, String(error));
          const lines = error.message.replaceAll(`${directory}/`, '').split('\n');
          assert.deepEqual(
            lines.filter((line) => /^\w+\.json:/.test(line)),
            mistakes,
          );
          return true;
        },
      );
    });
  }

  it('many conflicts between files, of which it lists fifty', () => {
    const all = Array.from({ length: 60 }, (_, index) => route(`/${index}`, limit({ requests: 9 })));
    const files = {
      'site.json': `{ "extends": "./base.json", ${routes(...all)} }`,
      'base.json': `{ ${general(limit())} }`,
    };
    assert.throws(() => load(files), /\n.*site\.json: and 10 more mistakes$/);
  });
});

describe('a policy of rate limits may have', () => {
  for (const { behaviour, files } of accepted) {
    it(behaviour, () => {
      const { rateLimits, routes: all } = load(files);
      assert.ok([...rateLimits, ...all.flatMap(({ values }) => values.rateLimits ?? [])].length > 0);
    });
  }
});
