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
    behaviour: 'a budget that is more than the memory',
    file: { memory: { budgetBytes: '8GiB' } },
    memoryBytes: 8 * gibibyte,
    doubts: [
      [
        '/memory/budgetBytes',
        /^8192 MiB for what waits, and 10000 connections of some 4 KiB each, make 8231 MiB in one edge, and there are 8192 MiB$/,
      ],
    ],
  },
  {
    behaviour: 'more connections than the memory is for, beside the budget',
    file: { connections: { max: 1_000_000 } },
    memoryBytes: 4 * gibibyte,
    doubts: [['/connections/max', /^512 MiB for what waits, and 1000000 connections of some 4 KiB each/]],
  },
  {
    behaviour: 'no budget that fits',
    file: { memory: { budgetBytes: '7GiB' } },
    memoryBytes: 8 * gibibyte,
    doubts: [],
  },
  {
    behaviour: 'no number of buffers that the budget bounds',
    file: { response: { bufferBytes: '100MiB' }, request: { content: { memoryBytes: '16MiB' } } },
    memoryBytes: gibibyte,
    doubts: [],
  },
  {
    behaviour: 'a budget that one connection could use up',
    file: { memory: { budgetBytes: '1MiB' } },
    doubts: [['/memory/budgetBytes', /^one connection may keep 1\.1 MiB waiting .* all together only 1\.0 MiB/]],
  },
  {
    behaviour: 'a response that is more than the budget',
    file: { response: { bufferBytes: '1GiB' } },
    doubts: [['/response/bufferBytes', /^one connection may keep 1024 MiB waiting .* only 512 MiB/]],
  },
  {
    behaviour: 'a budget below the heads of one route, which any client may send',
    file: { memory: { budgetBytes: '16MiB' }, ...routed({ request: { fields: { maxTotalBytes: '16MiB' } } }) },
    doubts: [['/memory/budgetBytes', /^one connection may keep 17 MiB waiting/]],
  },
  {
    behaviour: 'content that may be longer than files may take',
    file: { request: { content: { maxBytes: '2GiB' } } },
    doubts: [
      ['/request/content/maxBytes', /^content of 2GiB is allowed, and files may take 1GiB .* refused by spool\.full/],
    ],
  },
  {
    behaviour: 'files that may not take the content of the default',
    file: { spool: { maxBytes: '512KiB' } },
    doubts: [['/spool/maxBytes', /^content of 1MiB is allowed, and files may take 512KiB/]],
  },
  {
    behaviour: 'content of a route that may be longer than files may take',
    file: routed({ request: { content: { maxBytes: '2GiB' } } }),
    doubts: [['/routes/0/request/content/maxBytes', /^content of 2GiB is allowed/]],
  },
  {
    behaviour: 'a route that wants long content whole, which is a stream elsewhere',
    file: {
      request: { content: { maxBytes: '2GiB', delivery: 'stream' } },
      ...routed({ request: { content: { delivery: 'complete' } } }),
    },
    doubts: [['/routes/0/request/content/delivery', /^content of 2GiB is allowed/]],
  },
  {
    behaviour: 'no long content that is a stream, in general or on its route',
    file: {
      request: { content: { maxBytes: '2GiB', delivery: 'stream' } },
      ...routed({ request: { content: { maxBytes: '4GiB' } } }),
    },
    doubts: [],
  },
  {
    behaviour: 'no content that fits into memory, however little files may take',
    file: { request: { content: { maxBytes: '64KiB' } }, spool: { maxBytes: 1 } },
    doubts: [],
  },
  {
    behaviour: 'proxies that are every client',
    file: { clients: { trustedProxies: ['0.0.0.0/0', '::1'] } },
    doubts: [['/clients/trustedProxies', /^trustedProxies holds every IPv4 address: each of these clients may say/]],
  },
  {
    behaviour: 'what trusted proxies say, where nobody is trusted',
    file: { clients: { trustedHops: 2, forwardedFields: 'forwarded', proxyProtocol: 'v2' } },
    doubts: ['trustedHops', 'forwardedFields', 'proxyProtocol'].map((key) => [
      `/clients/${key}`,
      /^it has no effect: nobody is among trustedProxies$/,
    ]),
  },
  {
    behaviour: 'nothing of the same where somebody is',
    file: {
      clients: { trustedProxies: ['::1'], trustedHops: 2, forwardedFields: 'forwarded', proxyProtocol: 'v2' },
    },
    doubts: [],
  },
  {
    behaviour: 'a jail for one mistake',
    file: { jail: { maxScore: 10 } },
    doubts: [
      [
        '/jail/maxScore',
        /^one refusal is enough \(malformedScore 10, maxScore 10\): .* is blocked for 10m, and so are/,
      ],
    ],
  },
  {
    behaviour: 'a score that is enough by itself',
    file: { extends: 'strict', jail: { tooSlowScore: 100 } },
    doubts: [['/jail/tooSlowScore', /^one refusal is enough \(tooSlowScore 100, maxScore 100\)/]],
  },
  {
    behaviour: 'a jail for which nothing counts',
    file: {
      jail: {
        maxScore: 1,
        malformedScore: 0,
        forbiddenScore: 0,
        tooLargeScore: 0,
        tooSlowScore: 0,
        tooManyScore: 0,
      },
    },
    doubts: [['/jail/maxScore', /^no refusal counts, so that nobody reaches a maxScore of 1$/]],
  },
  {
    behaviour: 'a jail without a score to reach',
    file: { jail: { block: '1h' } },
    doubts: [['/jail/block', /^it has no effect: with a maxScore of 0 nobody is blocked$/]],
  },
  { behaviour: 'no jail that is switched off', file: { jail: { maxScore: 0, block: '1h' } }, doubts: [] },
  { behaviour: 'no jail for two mistakes', file: { jail: { maxScore: 11 } }, doubts: [] },
  {
    behaviour: 'a limit by a field alone, whose values a client invents',
    file: { rateLimits: [{ name: 'per-key', key: 'header:X-Api-Key', requests: 10, per: '1s' }] },
    doubts: [['/rateLimits', /^per-key counts for each x-api-key, and no limit for each client: one that invents/]],
  },
  {
    behaviour: 'such a limit on a route',
    file: routed({ rateLimits: [{ name: 'per-key', key: 'header:X-Api-Key', requests: 10, per: '1s' }] }),
    doubts: [['/routes/0/rateLimits', /^per-key counts/]],
  },
  ...['client', 'route'].map((key) => ({
    behaviour: `no limit by a field beside one by ${key}`,
    file: {
      rateLimits: [
        { name: 'per-key', key: 'header:X-Api-Key', requests: 10, per: '1s' },
        { name: 'other', key, requests: 100, per: '1s' },
      ],
    },
    doubts: [],
  })),
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
