import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyFrom } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';

type Case = { readonly behaviour: string; readonly text: string; readonly mistakes: readonly string[] };

const block = 'expected an address such as 192.0.2.1 or a block such as 192.0.2.0/24 or 2001:db8::/32';
const hostBits = 'expected a block whose address ends where its prefix does';
const path = 'expected a path such as /admin or /admin/*';
const alike = 'expected no two routes alike: this one and the route at';
const onRoute = 'cannot be another one on a route: it counts before the route is known, or for all requests together';

const refused: readonly Case[] = [
  {
    behaviour: 'two routes of one path',
    text: '{ "routes": [{ "path": "/a" },\n { "path": "/a" }] }',
    mistakes: [`2:2: /routes/1: ${alike} 1:14 both take /a`],
  },
  {
    behaviour: 'two routes that share a method',
    text: '{ "routes": [{ "path": "/a", "methods": ["GET", "PUT"] },\n { "path": "/a", "methods": ["POST", "PUT"] }] }',
    mistakes: [`2:2: /routes/1: ${alike} 1:14 both take PUT /a`],
  },
  {
    behaviour: 'two routes that share a host, whatever its letter case',
    text: '{ "routes": [{ "hosts": ["b.c", "A.b"] },\n { "hosts": ["a.B"] }] }',
    mistakes: [`2:2: /routes/1: ${alike} 1:14 both take requests of a.b`],
  },
  {
    behaviour: 'each that is like an earlier one, with the first of them',
    text: '{ "routes": [{ "path": "/a" },\n{ "path": "/b" },\n{ "path": "/a" },\n{ "path": "/a" }] }',
    mistakes: [`3:1: /routes/2: ${alike} 1:14 both take /a`, `4:1: /routes/3: ${alike} 1:14 both take /a`],
  },
  {
    behaviour: 'a route that takes every request',
    text: '{ "routes": [{ "name": "all", "mode": "observe" }] }',
    mistakes: ['1:14: /routes/0: expected hosts, path or methods: without them it would take every request'],
  },
  {
    behaviour: 'blocks with bits behind their prefix, which could be one address or a block',
    text: '{ "clients": { "allow": ["10.1.2.3/8"],\n"deny": ["2001:db8::1/32", "10.0.0.0/8"] } }',
    mistakes: [
      `1:26: /clients/allow/0: ${hostBits}, found "10.1.2.3/8"; did you mean "10.0.0.0/8" or "10.1.2.3"?`,
      `2:10: /clients/deny/0: ${hostBits}, found "2001:db8::1/32"; did you mean "2001:db8::/32" or "2001:db8::1"?`,
    ],
  },
  {
    behaviour: 'what is no address and no block',
    text: '{ "clients": { "deny": ["10.0.0", "010.0.0.1", "a.example", "::1%eth0", "10.0.0.0/33", "1.2.3.4/08"] } }',
    mistakes: [
      `1:25: /clients/deny/0: ${block}, found "10.0.0"`,
      `1:35: /clients/deny/1: ${block}, found "010.0.0.1"`,
      `1:48: /clients/deny/2: ${block}, found "a.example"`,
      `1:61: /clients/deny/3: ${block}, found "::1%eth0"`,
      `1:73: /clients/deny/4: ${block}, found "10.0.0.0/33"`,
      `1:88: /clients/deny/5: ${block}, found "1.2.3.4/08"`,
    ],
  },
  {
    behaviour: 'the same on a route',
    text: '{ "routes": [{ "path": "/a", "clients": { "allow": ["::/0", "10.0.0.1/31"] } }] }',
    mistakes: [
      `1:61: /routes/0/clients/allow/1: ${hostBits}, found "10.0.0.1/31"; did you mean "10.0.0.0/31" or "10.0.0.1"?`,
    ],
  },
  {
    behaviour: 'paths that no request could have, or that mean another thing than they seem to',
    text: '{ "routes": [{ "path": "admin" },\n{ "path": "/a?b" },\n{ "path": "/%61" },\n{ "path": "/a*" },\n{ "path": "//a" },\n{ "path": "/a/../b" }] }',
    mistakes: [
      `1:24: /routes/0/path: ${path}, found "admin", which does not begin with a slash`,
      `2:11: /routes/1/path: ${path}, found "/a?b", which holds a question mark: a pattern is about the path, not the query`,
      `3:11: /routes/2/path: ${path}, found "/%61", which holds a percent escape: a pattern is compared with the decoded path`,
      `4:11: /routes/3/path: ${path}, found "/a*", which holds an asterisk within a segment: it stands for a whole one`,
      `5:11: /routes/4/path: ${path}, found "//a", which holds an empty segment: slashes in a row count as one`,
      `6:11: /routes/5/path: ${path}, found "/a/../b", which holds a dot segment`,
    ],
  },
  {
    behaviour: 'keys that cannot be another one on a route',
    text: '{ "routes": [{ "path": "/a", "queue": {}, "request": { "hosts": [] },\n"timeouts": { "head": 1 } }] }',
    mistakes: [
      `1:30: /routes/0/queue: /queue ${onRoute}`,
      `1:56: /routes/0/request/hosts: /request/hosts ${onRoute}`,
      `2:15: /routes/0/timeouts/head: /timeouts/head ${onRoute}`,
    ],
  },
  {
    behaviour: 'rules that cannot be observed, with the reason',
    text: '{ "rules": { "framing.conflict": "observe",\n"timeout.head": "observe", "fields.too-large": "observe" } }',
    mistakes: [
      '1:14: /rules/framing.conflict: framing.conflict cannot be observed: without it a request cannot be read safely',
      '2:1: /rules/timeout.head: timeout.head cannot be observed: it ends a wait that nothing else would end',
      '2:28: /rules/fields.too-large: fields.too-large cannot be observed: it bounds the memory of a connection',
    ],
  },
  {
    behaviour: 'a test from nowhere, or without what it needs',
    text: '{ "tests": [{ "name": "a", "request": "x", "from": "here", "expect": { "status": 400 } },\n{ "name": "b", "expect": {} }] }',
    mistakes: [
      '1:52: /tests/0/from: expected an address such as 192.0.2.1 or 2001:db8::1, found "here"',
      '2:1: /tests/1: expected the key request, which is not there',
      '2:26: /tests/1/expect: expected an object with keys among verdict, rule, observed, status, route, environ, found an empty object',
    ],
  },
  {
    behaviour: 'a misspelt key of a route, and an empty list',
    text: '{ "routes": [{ "pth": "/a", "hosts": [] }] }',
    mistakes: [
      '1:16: /routes/0/pth: expected keys among name, hosts, path, methods, mode, rules, request, timeouts, keepAlive, clients, rateLimits, found "pth"; did you mean "path"?',
      '1:38: /routes/0/hosts: expected a list of 1 to 1000 elements, each a host name ("example.com"), a wildcard ("*.example.com") or an IP address ("192.0.2.1", "[2001:db8::1]"), without a port, found an empty list',
    ],
  },
];

const accepted: readonly (readonly [behaviour: string, routes: string])[] = [
  ['a path and the same with any method', '[{ "path": "/a" }, { "path": "/a", "methods": ["GET"] }]'],
  ['GET and HEAD of one path', '[{ "path": "/a", "methods": ["GET"] }, { "path": "/a", "methods": ["HEAD"] }]'],
  ['a path alone and with a slash', '[{ "path": "/a" }, { "path": "/a/" }, { "path": "/a/*" }]'],
  ['a wildcard and a name below it', '[{ "hosts": ["*.b"] }, { "hosts": ["a.b"] }, { "hosts": ["*.a.b"] }]'],
  ['patterns that meet in some paths', '[{ "path": "/a/*/c" }, { "path": "/*/b/c" }]'],
  ['two letter cases of one host in one route', '[{ "hosts": ["A.b", "a.B"] }]'],
];

describe('a policy of routes and clients is refused for', () => {
  for (const { behaviour, text, mistakes } of refused) {
    it(behaviour, () => {
      assert.throws(
        () => policyFrom(Buffer.from(text), 'site.json'),
        (error) => {
          assert.ok(error instanceof PolicyError, String(error));
          const lines = error.message.split('\n').filter((line) => line.startsWith('site.json'));
          assert.deepEqual(
            lines,
            mistakes.map((mistake) => `site.json:${mistake}`),
          );
          return true;
        },
      );
    });
  }
});

describe('a policy of routes may have', () => {
  for (const [behaviour, routes] of accepted) {
    it(behaviour, () => {
      const policy = policyFrom(Buffer.from(`{ "routes": ${routes} }`), 'site.json');
      assert.equal(policy.routes.length, (JSON.parse(routes) as unknown[]).length);
    });
  }

  it('names, or is called by its hosts, methods and path', () => {
    const text =
      '{ "routes": [{ "path": "/a", "name": "n" }, { "hosts": ["A.b"], "methods": ["PUT", "POST"], "path": "/a/*" }] }';
    const { routes } = policyFrom(Buffer.from(text), 'site.json');
    assert.deepEqual(
      routes.map(({ label }) => label),
      ['n', 'a.b PUT,POST /a/*'],
    );
  });

  it('origins for each of its values', () => {
    const text = '{ "routes": [\n { "path": "/a",\n "mode": "observe", "request": { "line": { "maxBytes": 9 } } }] }';
    const { origins } = policyFrom(Buffer.from(text), 'site.json');
    assert.equal(origins['/routes/0'], 'site.json:2:2');
    assert.equal(origins['/routes/0/mode'], 'site.json:3:2');
    assert.equal(origins['/routes/0/request/line/maxBytes'], 'site.json:3:44');
  });
});

describe('a policy with ten thousand routes that are all alike', () => {
  it('is refused soon', () => {
    const routes = Array.from({ length: 10_000 }, () => '{ "path": "/a" }').join(',\n');
    const start = performance.now();
    assert.throws(() => policyFrom(Buffer.from(`{ "routes": [${routes}] }`), 'site.json'), /and 9949 more mistakes/);
    assert.ok(performance.now() - start < 10_000);
  });
});
