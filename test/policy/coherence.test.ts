import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { doubtsAbout, doubtText } from '../../src/policy/coherence.ts';
import { policyFrom } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';

const gibibyte = 2 ** 30;
const plenty = 1024 * gibibyte;

type Case = {
  readonly behaviour: string;
  readonly file: object;
  readonly memoryBytes?: number;
  /** Each doubt: where, and how it begins. */
  readonly doubts: readonly (readonly [pointer: string, problem: RegExp])[];
};

const routed = (values: object, pattern: object = { path: '/a/*' }): object => ({
  routes: [{ ...pattern, ...values }],
});

const cases: readonly Case[] = [
  { behaviour: 'nothing of an empty file', file: {}, doubts: [] },
  {
    behaviour: 'a head that may take longer than content may pause',
    file: { timeouts: { head: '16s' } },
    doubts: [['/timeouts/head', /^a head may take 16s, while content may pause for 15s only/]],
  },
  { behaviour: 'no head that may take as long', file: { timeouts: { head: '15s' } }, doubts: [] },
  {
    behaviour: 'content of a route that may pause shorter than the head',
    file: routed({ timeouts: { content: '9s' } }),
    doubts: [['/routes/0/timeouts/content', /^a head may take 10s, while content may pause for 9s only/]],
  },
  {
    behaviour: 'a general deadline once, not on each route again',
    file: { timeouts: { head: '16s' }, routes: [{ path: '/a' }, { path: '/b', timeouts: { worker: 1 } }] },
    doubts: [['/timeouts/head', /^a head/]],
  },
  {
    behaviour: 'a field line longer than all together',
    file: { request: { fields: { maxFieldBytes: '64KiB', maxTotalBytes: '32KiB' } } },
    doubts: [['/request/fields/maxFieldBytes', /^one field line may have 64KiB, all together only 32KiB/]],
  },
  {
    behaviour: 'a field line of a route that is longer than all together elsewhere',
    file: routed({ request: { fields: { maxFieldBytes: '65KiB' } } }),
    doubts: [['/routes/0/request/fields/maxFieldBytes', /^one field line may have 65KiB, all together only 64KiB/]],
  },
  {
    behaviour: 'field lines of a route that are shorter together than one elsewhere',
    file: routed({ request: { fields: { maxTotalBytes: '4KiB' } } }),
    doubts: [['/routes/0/request/fields/maxTotalBytes', /all together only 4KiB/]],
  },
  {
    behaviour: 'lists of clients that hold a whole family, also in two halves',
    file: { clients: { allow: ['0.0.0.0/0', '::/1', '8000::/1'], deny: ['0.0.0.0/1', '128.0.0.0/1'] } },
    doubts: [
      ['/clients/allow', /^allow holds every IPv4 address and every IPv6 address$/],
      ['/clients/deny', /^deny holds every IPv4 address$/],
    ],
  },
  { behaviour: 'no list that lacks one address', file: { clients: { deny: ['0.0.0.0/1'] } }, doubts: [] },
  {
    behaviour: 'the list of a route, and not the general one there',
    file: { clients: { deny: ['10.0.0.0/8'] }, ...routed({ clients: { deny: ['::/0'] } }) },
    doubts: [['/routes/0/clients/deny', /^deny holds every IPv6 address$/]],
  },
  {
    behaviour: 'dots that are kept where routes have paths',
    file: { request: { target: { dotSegments: 'keep' } }, ...routed({}) },
    doubts: [['/request/target/dotSegments', /^with "keep", GET \/a\/\.\.\/b takes the route of \/a\/\*/]],
  },
  {
    behaviour: 'dots that one route keeps: it is how the others are dodged',
    file: routed({ request: { target: { dotSegments: 'keep' } } }),
    doubts: [['/routes/0/request/target/dotSegments', /can be dodged$/]],
  },
  {
    behaviour: 'slashes that are decoded where routes have paths',
    file: { request: { target: { encodedSlash: 'decode' } }, ...routed({}) },
    doubts: [['/request/target/encodedSlash', /^with "decode", GET \/a%2Fb takes the route of \/a\/b/]],
  },
  {
    behaviour: 'slashes that one route decodes',
    file: routed({ request: { target: { encodedSlash: 'decode' } } }),
    doubts: [['/routes/0/request/target/encodedSlash', /can be dodged$/]],
  },
  {
    behaviour: 'no dots and slashes where no route has a path',
    file: {
      request: { target: { dotSegments: 'keep', encodedSlash: 'decode' } },
      ...routed({}, { methods: ['POST'] }),
    },
    doubts: [],
  },
  {
    behaviour: 'routes of hosts where any host is served',
    file: routed({}, { hosts: ['a.example'] }),
    doubts: [['/request/hosts', /^there are routes for some hosts, and any host is served/]],
  },
  {
    behaviour: 'no routes of hosts where hosts are listed',
    file: { request: { hosts: ['a.example'] }, ...routed({}, { hosts: ['a.example'] }) },
    doubts: [],
  },
  {
    behaviour: 'more connections than the memory is for',
    file: { connections: { max: 100_000 } },
    memoryBytes: 8 * gibibyte,
    doubts: [['/connections/max', /^100000 connections with at most 1\.1 MiB each may need \d+ MiB in one edge, and/]],
  },
  {
    behaviour: 'a larger buffer than the memory is for',
    file: { response: { bufferBytes: '100MiB' } },
    memoryBytes: 8 * gibibyte,
    doubts: [['/response/bufferBytes', /^10000 connections with at most 100 MiB each/]],
  },
  {
    behaviour: 'heads of one route that any client may send, more than the memory is for',
    file: routed({ request: { fields: { maxTotalBytes: '1MiB' } } }),
    memoryBytes: 8 * gibibyte,
    doubts: [
      ['/routes/0/request/fields/maxTotalBytes', /^10000 connections with at most \d\.\d MiB each may need \d+ MiB/],
    ],
  },
  { behaviour: 'no shipped number, however little memory there is', file: {}, memoryBytes: gibibyte, doubts: [] },
];

describe('what can hardly be meant', () => {
  for (const { behaviour, file, memoryBytes = plenty, doubts } of cases) {
    it(`is ${behaviour}`, () => {
      const policy = policyFrom(Buffer.from(JSON.stringify(file, null, 1)), 'site.json');
      const found = doubtsAbout(putInForce(policy), memoryBytes);
      assert.deepEqual(
        found.map(({ pointer }) => pointer),
        doubts.map(([pointer]) => pointer),
      );
      for (const [index, [, problem]] of doubts.entries()) assert.match(found[index]?.problem ?? '', problem);
      for (const { pointer, origin } of found) {
        assert.match(origin, pointer === '/request/hosts' ? /^default$/ : /^site\.json:\d+:\d+$/);
      }
    });
  }

  it('is one line, with the pointer where there is one', () => {
    assert.equal(doubtText({ pointer: '/mode', origin: 'a\n.json:1:1', problem: 'p' }), 'a\\u000a.json:1:1: /mode: p');
    assert.equal(doubtText({ pointer: '', origin: 'default', problem: 'p' }), 'default: p');
  });
});
