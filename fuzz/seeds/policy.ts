import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';
import type { PolicyKey } from '../../src/policy/policy-key.ts';
import { yamlInput } from '../policy.fuzz.ts';
import type { Seed } from './cases.ts';

/** Of each key the values at and around its bounds; some that no key allows. */
function valuesOf(key: PolicyKey): readonly unknown[] {
  switch (key.kind) {
    case 'object':
      return [{}, null];
    case 'size':
      return [key.minimum, key.maximum, key.maximum + 1, '64KiB', '1MB', '0B'];
    case 'duration':
      return [key.minimum, key.maximum, 0, 0.0004, 1.0005, '1.5m', '500ms', '24d', '0s'];
    case 'rate':
      return [key.minimum, key.maximum, key.maximum + 1, '500B/s', '1KiB/s', '1KiB'];
    case 'count':
      return [key.minimum, key.maximum, key.maximum + 1, 1.5, -1];
    case 'choice':
      return [...key.values, key.values[0]?.toUpperCase()];
    case 'list':
      return [
        ...[[], key.values, ['GET', 'GET'], ['Example.com', '*.example.com', '[::1]', '192.0.2.1'], ['a!']],
        ...[['192.0.2.0/24', '2001:db8::/32', '::ffff:192.0.2.1', '0.0.0.0/0'], ['192.0.2.1/24'], ['A.b', 'a.b']],
      ];
    case 'objects':
      return [[], [{}], [1]];
    case 'map':
      return [{}, { REQUEST_METHOD: 'GET', HTTP_X: null }, { a: 1 }];
    case 'text':
      return ['./policy.schema.json', '/admin/*', '/*/b/', '/', '192.0.2.1', 'a\u00e4', 1];
  }
}

const broken = [
  '',
  '// nothing yet\n',
  '[]',
  'null',
  '"policy"',
  '{ "queue": { "max": 3, } }',
  '{ "queue": { "max": 3 } } }',
  '{ queue: { max: 3 } }',
  "{ 'queue': 1 }",
  '{ "queue" { "max": 3 } }',
  '{ "queue": { "max": 1e999 } }',
  '{ "queue": { "max": 01 } }',
  '{ "queue": { "max": - } }',
  '{ "queue": 1 "response": 2 }',
  '{ "queue": { "max": 3 }, "queue": { "max": 4 } }',
  '{ "requst": {}, "request": { "maxBytes": 1, "line": { "max_bytes": 1 } } }',
  '{ "__proto__": { "queue": 1 }, "constructor": { "prototype": { "a": 1 } } }',
  '{ "request": { "__proto__": { "line": { "maxBytes": 1 } } } }',
  '{ "a/~\u202e\\u0000\\n\\uD83D": 1 }',
  '{ "a": "\\x", "b": "\\u12", "c": "\t" }',
  '{ "a": "line\nend" }',
  '/* no end',
  '{ "request": { "hosts": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] } }',
  '\ufeff{\r\n  /* of the\r\n  site */ "$schema": "x",\r  "queue": { "max": 3 }\r\n}\r\n// end',
  '{ "request": { "hosts": ["\u{1f600}.example", "\u0430.example"] } }',
];

/** Policies of routes: near each other, and the same in some respect. */
const routed: readonly unknown[] = [
  { routes: [{ path: '/a' }, { path: '/a/' }, { path: '/a/*' }, { path: '/*' }, { path: '/*/b' }, { path: '/a/b' }] },
  { routes: [{ hosts: ['a.b', '*.a.b'] }, { hosts: ['*.b'] }, { hosts: ['*.b'], path: '/a/*' }, { path: '/a' }] },
  { routes: [{ methods: ['GET'] }, { methods: ['HEAD'] }, { path: '/a', methods: ['GET', 'POST'] }, { path: '/a' }] },
  { routes: [{ hosts: ['[::1]', '192.0.2.1'], path: '/a/*/c/*' }, { path: '/*/b/*/' }, { path: '/\u00e4/*' }] },
  {
    routes: [
      { hosts: ['A.b'], path: '/a' },
      { hosts: ['a.B'], path: '/a' },
    ],
  },
  {
    routes: [
      { path: '/a', methods: ['GET', 'HEAD'] },
      { path: '/a', methods: ['HEAD'] },
    ],
  },
  { routes: [{}, { path: 'a' }, { path: '/a%2fb' }, { path: '/a*' }, { path: '//' }, { path: '/..' }] },
  {
    mode: 'observe',
    rules: { 'client.denied': 'enforce' },
    clients: { allow: ['10.0.0.0/8'], deny: ['10.0.0.1', '::/0'] },
    request: { hosts: ['a.b'], target: { dotSegments: 'keep', encodedSlash: 'decode' } },
    routes: [
      { name: 'x', path: '/up/*', methods: ['POST'], request: { content: { maxBytes: '1GiB' } } },
      { path: '/in/*', mode: 'enforce', rules: { 'content.too-large': 'observe' }, clients: { allow: ['::1'] } },
      { hosts: ['*.b'], request: { line: { maxBytes: 9 }, fields: { maxCount: 1 } }, timeouts: { worker: 0 } },
    ],
    tests: [{ name: 'a', request: 'GET / HTTP/1.1\r\nHost: a.b\r\n\r\n', expect: { verdict: 'pass' } }],
  },
];

/** Rate limits that agree with each other, that do not, and that none could keep. */
const limited: readonly unknown[] = [
  {
    extends: 'strict',
    clients: { trustedProxies: ['10.0.0.0/8', '::1'], forwardedFields: 'forwarded', proxyProtocol: 'any' },
    rateLimits: [
      { name: 'per-client', requests: 100, per: '1s', burst: 200, block: '1m' },
      { name: 'per-key', key: 'header:X-Api-Key', requests: 1000, per: '1h', accuracy: 'exact' },
    ],
    routes: [
      { path: '/login', rateLimits: [{ name: 'login', requests: 5, per: '1m', block: '10m' }] },
      { path: '/search', rateLimits: [{ name: 'per-client', requests: 100, per: 1, burst: 200, block: 60, cost: 1 }] },
      { path: '/free', rateLimits: [] },
    ],
    jail: { maxScore: 100, decay: '1m', block: '10m', malformedScore: 0 },
  },
  { extends: 'strict', routes: [{ path: '/a', rateLimits: [{ name: 'per-client', requests: 1, per: 1 }] }] },
  { rateLimits: [1, 2].map((requests) => ({ name: 'a', requests, per: 1 })) },
  { routes: ['/a', '/b'].map((path, cost) => ({ path, rateLimits: [{ name: 'a', requests: 9, per: 1, cost }] })) },
  { rateLimits: [{ name: 'a', requests: 1, burst: 2, cost: 3, per: 1 }] },
];

/** The shipped default, a file for each key and value, and files that are none. */
export function seeds(): Seed[] {
  const files = Object.entries(policyKeys).flatMap(([pointer, key]) =>
    valuesOf(key).map((value) => fileWith(pointer, value)),
  );
  const values = [...files, ...routed, ...limited];
  const whole = readFileSync(new URL('../../policies/default.json', import.meta.url));
  const short = whole.toString().replace(/^\s*\/\/.*\n/gm, '');
  return [
    whole,
    ...[short, ...values.map((value) => JSON.stringify(value, null, 1)), ...broken].map((text) => Buffer.from(text)),
    ...values.filter((_, index) => index % yamlShare === 0 || index >= files.length).map(inYaml),
    ...brokenYaml.map(yamlInput),
    Buffer.from('\ufeff{}', 'utf16le'),
  ].map((bytes, index) => ({ name: `${index}`, bytes }));
}

/** One in so many of the files is there in YAML too, and each that has routes. */
const yamlShare = 4;
const brokenYaml = [
  '',
  '# none',
  'a: &b 1',
  '- a',
  'routes:\n  - path: /a\n  - path: /a\n',
  'queue: {max: 010}',
  '? a',
];

function inYaml(value: unknown): Buffer {
  return yamlInput(stringify(value));
}

function fileWith(pointer: string, value: unknown): unknown {
  const names = pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/'));
  return nested(names, value);
}

/** An element of a list has what it needs beside the key that this is about. */
function nested([name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  if (rest[0] !== '*') return { [name]: nested(rest, value) };
  const element = nested(rest.slice(1), value);
  return { [name]: [rest.length === 1 ? element : { ...wholeElements[name], ...(element as object) }] };
}

/** What an element of a list has to have, so that it is more than its one key that is wrong with it. */
const wholeElements: Readonly<Record<string, object>> = {
  routes: { path: '/a/*' },
  rateLimits: { name: 'a', requests: 2, per: 1 },
  tests: { name: 'a', request: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', expect: { status: 404 } },
};
