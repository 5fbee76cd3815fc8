import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyFrom } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';

const rootKeys =
  'keys among $schema, extends, mode, rules, request, timeouts, keepAlive, connections, memory, spool, clients, queue, response, rateLimits, rateLimitStore, jail, routes, tests';

type Case = { readonly behaviour: string; readonly text: string; readonly mistakes: readonly string[] };

const cases: readonly Case[] = [
  {
    behaviour: 'a misspelt key, and a value that is wrong',
    text: 'requst: {}\nqueue:\n  max: many\n',
    mistakes: [
      `1:1: /requst: expected ${rootKeys}, found "requst"; did you mean "request"?`,
      '3:8: /queue/max: expected a whole number of requests from 1 to 1048576, found many',
    ],
  },
  {
    behaviour: 'lines without end in a string',
    text: `$schema: "${'\n'.repeat(300_000)}"\n`,
    mistakes: ['200000:1: more than 200000 lines, which no policy has'],
  },
  {
    behaviour: 'a missing value',
    text: 'queue:\nkeepAlive: { idle }\n',
    mistakes: [
      '1:7: /queue: expected an object with the key max, found nothing',
      '2:18: /keepAlive/idle: expected a duration from 1ms to 24d, as a number of seconds or as "10s", found nothing',
    ],
  },
  {
    behaviour: 'a key that is there twice',
    text: 'queue: { max: 1 }\n"queue": { max: 1, max: 2 }\n',
    mistakes: [
      '2:1: /queue: expected each key once, found this one again (first at 1:1)',
      '2:20: /queue/max: expected each key once, found this one again (first at 2:12)',
    ],
  },
  {
    behaviour: '__proto__ and constructor, as keys like any other',
    text: '__proto__: { queue: 1 }\nconstructor: 1\n',
    mistakes: [
      `1:1: /__proto__: expected ${rootKeys}, found "__proto__"`,
      `2:1: /constructor: expected ${rootKeys}, found "constructor"`,
    ],
  },
  {
    behaviour: 'anchors and aliases',
    text: 'queue: &few\n  max: 3\nconnections: *few\n',
    mistakes: [
      '1:8: expected no anchor (&name); a string that starts with & goes in quotes, found &few',
      '3:14: expected no alias (*name); a string that starts with * goes in quotes, found *few',
    ],
  },
  {
    behaviour: 'a wildcard without quotes',
    text: 'request:\n  hosts:\n    - *.example.com\n',
    mistakes: ['3:7: expected no alias (*name); a string that starts with * goes in quotes, found *.example.com'],
  },
  {
    behaviour: 'aliases that would multiply, before any is followed',
    text: `a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n`,
    mistakes: [
      '1:4: expected no anchor (&name); a string that starts with & goes in quotes, found &a',
      '2:4: expected no anchor (&name); a string that starts with & goes in quotes, found &b',
      '3:4: expected no anchor (&name); a string that starts with & goes in quotes, found &c',
    ],
  },
  {
    behaviour: 'merge keys, unless they are strings in quotes',
    text: 'queue:\n  <<: { max: 3 }\n',
    mistakes: ['2:3: expected no merge key (<<); what a file leaves out comes from the policy that it extends'],
  },
  {
    behaviour: 'a key that only looks like a merge key',
    text: '"<<": 1\n',
    mistakes: [`1:1: /<<: expected ${rootKeys}, found "<<"`],
  },
  {
    behaviour: 'tags',
    text: 'queue: !!map\n  max: !!int "3"\nrequest: !<x> {}\n',
    mistakes: [
      '1:8: expected no tag (!name); a string that starts with ! goes in quotes, found !!map',
      '2:8: expected no tag (!name); a string that starts with ! goes in quotes, found !!int',
      '3:10: expected no tag (!name); a string that starts with ! goes in quotes, found !<x>',
    ],
  },
  {
    behaviour: 'directives, above all that of another version',
    text: '%YAML 1.1\n---\nqueue: { max: 010 }\n',
    mistakes: ['1:1: expected no directive (%YAML, %TAG); this is read as YAML 1.2, found %YAML 1.1'],
  },
  {
    behaviour: 'a second document, even an empty one',
    text: 'queue: { max: 3 }\n---\n',
    mistakes: ['2:1: expected one document, found another one'],
  },
  {
    behaviour: 'keys that are no strings',
    text: '1: a\nnull: a\n? [a]\n: b\n',
    mistakes: [
      '1:1: expected a string as key, found 1',
      '2:1: expected a string as key, found null',
      '3:3: expected a string as key, found [a]',
    ],
  },
  {
    behaviour: 'a key that is missing',
    text: ': 1\n',
    mistakes: ['1:1: expected a string as key, found nothing'],
  },
  {
    behaviour: 'numbers that are not finite',
    text: 'queue:\n  max: .inf\nconnections:\n  max: .NaN\nkeepAlive:\n  idle: 1e999\n',
    mistakes: [
      '2:8: expected a finite number, found .inf',
      '4:8: expected a finite number, found .NaN',
      '6:9: expected a finite number, found 1e999',
    ],
  },
  {
    behaviour: 'a number that YAML 1.1 reads as octal',
    text: 'queue:\n  max: 010\n',
    mistakes: ['2:8: expected a number without leading zeros, found 010'],
  },
  {
    behaviour: 'a tab as indentation',
    text: 'queue:\n\tmax: 3\n',
    mistakes: ['2:1: this is not YAML: expected spaces as indentation, found a tab'],
  },
  {
    behaviour: 'keys in different columns',
    text: 'queue:\n  max: 3\n keepAlive: {}\n',
    mistakes: ['3:1: this is not YAML: expected the keys of an object in one column, found keepAlive:'],
  },
  {
    behaviour: 'a list that does not end',
    text: 'request: { methods: [GET, POST }\n',
    mistakes: [
      '1:32: this is not YAML: expected a closing ], and all lines before it indented deeper than their key, found }',
    ],
  },
  {
    behaviour: 'a string that does not end',
    text: 'request:\n  trailers: "drop\n',
    mistakes: ['3:1: this is not YAML: expected a closing quote, found the end of the file'],
  },
  {
    behaviour: 'two keys in a line',
    text: 'queue: max: 3\n',
    mistakes: [
      '1:8: this is not YAML: expected the next key in the column of the one above, or quotes around a value with ": ", found max:',
    ],
  },
  {
    behaviour: 'an escape that does not exist',
    text: '$schema: "\\q"\n',
    mistakes: ['1:11: this is not YAML: expected an escape that YAML knows behind the backslash, found \\q"'],
  },
  {
    behaviour: 'a policy that is no object',
    text: '- queue\n',
    mistakes: [`1:1: expected an object with ${rootKeys}, found a list`],
  },
  {
    behaviour: 'a line end that only some readers know',
    text: '# old\rqueue: { max: 3 }\n',
    mistakes: ['1:6: expected lines that end with LF or CRLF and no control characters, found \\u000d'],
  },
  {
    behaviour: 'control characters',
    text: 'queue: { max: 3 } # \u0002\n',
    mistakes: ['1:21: expected lines that end with LF or CRLF and no control characters, found \\u0002'],
  },
  {
    behaviour: 'nesting beyond the bound, in brackets',
    text: `queue:\n  ${'['.repeat(500_000)}`,
    mistakes: ['2:34: nested deeper than 32 levels'],
  },
  {
    behaviour: 'nesting beyond the bound, by indentation',
    text: `${Array.from({ length: 700 }, (_, level) => `${' '.repeat(level)}a:\n`).join('')}`,
    mistakes: ['33:34: nested deeper than 32 levels'],
  },
  {
    behaviour: 'nesting beyond the bound, in one line',
    text: '- '.repeat(100_000),
    mistakes: ['1:65: nested deeper than 32 levels'],
  },
  {
    behaviour: 'more values than the bound',
    text: `request:\n  hosts: [${'0,'.repeat(150_000)}0]`,
    mistakes: ['2:133337: more values than any policy has'],
  },
];

describe('a policy in YAML is refused for', () => {
  for (const { behaviour, text, mistakes } of cases) {
    it(behaviour, () => {
      assert.throws(
        () => policyFrom(Buffer.from(text), 'site.yaml'),
        (error) => {
          assert.ok(error instanceof PolicyError, String(error));
          const lines = error.message.split('\n').filter((line) => line.startsWith('site.yaml'));
          assert.deepEqual(
            lines,
            mistakes.map((mistake) => `site.yaml:${mistake}`),
          );
          return true;
        },
      );
    });
  }

  it('nothing inside the bound of nesting', () => {
    assert.throws(
      () => policyFrom(Buffer.from(`a: ${'['.repeat(31)}${']'.repeat(31)}`), 'site.yaml'),
      /^PolicyError: site\.yaml:1:1: \/a: expected keys/,
    );
  });

  it('text that is not UTF-8', () => {
    assert.throws(
      () => policyFrom(Buffer.from('queue: \xe9', 'latin1'), 'site.yaml'),
      /^PolicyError: site\.yaml: this is not UTF-8 text$/,
    );
  });
});
