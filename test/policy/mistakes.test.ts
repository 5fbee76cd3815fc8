import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyFrom } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';

const rootKeys =
  'keys among $schema, extends, mode, rules, request, timeouts, keepAlive, connections, memory, spool, clients, queue, response, rateLimits, rateLimitStore, jail, routes, tests';
const requestKeys = 'keys among line, methods, target, hosts, fields, content, trailers';
const lineSize = 'a size from 1 byte to 64KiB, as a number of bytes or as "64KiB"';
const duration = 'a duration from 1ms to 24d, as a number of seconds or as "10s"';
const rate = '0 (none) or a rate up to 1TiB/s, as a number of bytes a second or as "1KiB/s"';
const host =
  'a host name ("example.com"), a wildcard ("*.example.com") or an IP address ("192.0.2.1", "[2001:db8::1]"), without a port';
const method = 'a method in capitals, such as GET, that the parser knows (not CONNECT or TRACE)';

type Case = { readonly behaviour: string; readonly text: string; readonly mistakes: readonly string[] };

const cases: readonly Case[] = [
  {
    behaviour: 'guesses the unit of a size',
    text: '{ "request": { "line": { "maxBytes": "2K" },\n "fields": { "maxTotalBytes": "1024", "maxFieldBytes": "8 kib" },\n "content": { "maxBytes": "20m" } } }',
    mistakes: [
      `1:38: /request/line/maxBytes: expected ${lineSize}, found "2K"; did you mean "2KiB" or "2kB"?`,
      '2:31: /request/fields/maxTotalBytes: expected a size from 1 byte to 16MiB, as a number of bytes or as "64KiB", found "1024"; did you mean 1024?',
      '2:56: /request/fields/maxFieldBytes: expected a size from 1 byte to 16MiB, as a number of bytes or as "64KiB", found "8 kib"; did you mean "8KiB"?',
      '3:27: /request/content/maxBytes: expected a size from 1 byte to 1TiB, as a number of bytes or as "64KiB", found "20m"; did you mean "20MiB" or "20MB"?',
    ],
  },
  {
    behaviour: 'guesses the unit of a duration',
    text: '{ "timeouts": { "head": "10",\n "content": "10sec",\n "write": "2 Min",\n "queue": "1constructor" } }',
    mistakes: [
      `1:25: /timeouts/head: expected ${duration}, found "10"; did you mean "10s"?`,
      `2:13: /timeouts/content: expected ${duration}, found "10sec"; did you mean "10s"?`,
      `3:11: /timeouts/write: expected ${duration}, found "2 Min"; did you mean "2m"?`,
      `4:11: /timeouts/queue: expected ${duration}, found "1constructor"`,
    ],
  },
  {
    behaviour: 'guesses a list of one element',
    text: '{ "request": { "methods": "get" } }',
    mistakes: [
      `1:27: /request/methods: expected a list of 1 to 32 elements, each ${method}, found "get"; did you mean ["GET"]?`,
    ],
  },
  {
    behaviour: 'says of an object that it is empty',
    text: '{ "tests": [{ "name": "x", "request": "", "expect": {} }] }',
    mistakes: [
      '1:53: /tests/0/expect: expected an object with keys among verdict, rule, observed, status, route, environ, found an empty object',
    ],
  },
  {
    behaviour: 'names the nearest key of the same object',
    text: '{ "requst": {} }',
    mistakes: [`1:3: /requst: expected ${rootKeys}, found "requst"; did you mean "request"?`],
  },
  {
    behaviour: 'understands another way to write a key',
    text: '{ "request": { "line": { "max_bytes": 1 } } }',
    mistakes: ['1:26: /request/line/max_bytes: expected the key maxBytes, found "max_bytes"; did you mean "maxBytes"?'],
  },
  {
    behaviour: 'names the places of a key that is known elsewhere',
    text: '{ "request": { "maxBytes": 1 } }',
    mistakes: [
      `1:16: /request/maxBytes: expected ${requestKeys}, found "maxBytes"; there is /request/line/maxBytes and /request/content/maxBytes and /spool/maxBytes`,
    ],
  },
  {
    behaviour: 'guesses nothing for a key that is like none',
    text: '{ "zeppelin": {} }',
    mistakes: [`1:3: /zeppelin: expected ${rootKeys}, found "zeppelin"`],
  },
  {
    behaviour: 'refuses keys that the design reserves and nothing enforces yet',
    text: '{ "tls": {},\n "errorPages": {} }',
    mistakes: [
      `1:3: /tls: expected ${rootKeys}, found "tls"`,
      `2:2: /errorPages: expected ${rootKeys}, found "errorPages"`,
    ],
  },
  {
    behaviour: 'takes __proto__ and constructor for keys like any other',
    text: '{ "__proto__": { "queue": 1 }, "constructor": 1 }',
    mistakes: [
      `1:3: /__proto__: expected ${rootKeys}, found "__proto__"`,
      `1:32: /constructor: expected ${rootKeys}, found "constructor"`,
    ],
  },
  {
    behaviour: 'escapes and shortens what it quotes',
    text: `{ "a/~\u202e": 1, "${'x'.repeat(200)}": 1, "queue": { "max": "\u202e\u{e0001}" } }`,
    mistakes: [
      `1:3: /a~1~0\\u202e: expected ${rootKeys}, found "a/~\\u202e"`,
      `1:14: /${'x'.repeat(99)}...: expected ${rootKeys}, found "${'x'.repeat(48)}..."`,
      '1:239: /queue/max: expected a whole number of requests from 1 to 1048576, found "\\u202e\\u{e0001}"',
    ],
  },
  {
    behaviour: 'refuses sizes that are no sizes',
    text: '{ "request": { "line": { "maxBytes": "64K" } } }',
    mistakes: [`1:38: /request/line/maxBytes: expected ${lineSize}, found "64K"; did you mean "64KiB" or "64kB"?`],
  },
  {
    behaviour: 'refuses sizes below and above the range, however they are written',
    text: '{ "request": { "line": { "maxBytes": 0 }, "content": {\n "memoryBytes": "4095B", "maxBytes": "2TiB" } } }',
    mistakes: [
      `1:38: /request/line/maxBytes: expected ${lineSize}, found 0`,
      '2:17: /request/content/memoryBytes: expected a size from 4KiB to 1GiB, as a number of bytes or as "64KiB", found "4095B"',
      '2:38: /request/content/maxBytes: expected a size from 1 byte to 1TiB, as a number of bytes or as "64KiB", found "2TiB"',
    ],
  },
  {
    behaviour: 'refuses durations that are none or out of range',
    text: '{ "timeouts": {\n"head": 0,\n"content": "10 s",\n"write": "-1s",\n"queue": "25d",\n"worker": -1 } }',
    mistakes: [
      `2:9: /timeouts/head: expected ${duration}, found 0`,
      `3:12: /timeouts/content: expected ${duration}, found "10 s"; did you mean "10s"?`,
      `4:10: /timeouts/write: expected ${duration}, found "-1s"`,
      `5:10: /timeouts/queue: expected ${duration}, found "25d"`,
      '6:11: /timeouts/worker: expected 0 (no deadline) or a duration up to 24d, as a number of seconds or as "10s", found -1',
    ],
  },
  {
    behaviour: 'guesses the unit of a rate, and refuses what is none',
    text: '{ "timeouts": { "contentMinRate": "500",\n "writeMinRate": "2TiB/s" },\n "routes": [{ "path": "/a", "timeouts": { "contentMinRate": "1KiB", "writeMinRate": -1 } }] }',
    mistakes: [
      `1:35: /timeouts/contentMinRate: expected ${rate}, found "500"; did you mean 500?`,
      `2:18: /timeouts/writeMinRate: expected ${rate}, found "2TiB/s"`,
      `3:61: /routes/0/timeouts/contentMinRate: expected ${rate}, found "1KiB"; did you mean "1KiB/s"?`,
      `3:85: /routes/0/timeouts/writeMinRate: expected ${rate}, found -1`,
    ],
  },
  {
    behaviour: 'refuses rate limits that are none',
    text: '{ "rateLimits": [{ "name": "Per client", "key": "ip", "per": "0.5s", "burst": 0 },\n 7] }',
    mistakes: [
      '1:18: /rateLimits/0: expected the key requests, which is not there',
      '1:28: /rateLimits/0/name: expected a name of lower case letters, digits and hyphens, such as "per-client", found "Per client"',
      '1:49: /rateLimits/0/key: expected "client", "route" or "header:NAME", such as "header:X-Api-Key", found "ip"',
      '1:62: /rateLimits/0/per: expected a duration from 1s to 24d, as a number of seconds or as "10s", found "0.5s"',
      '1:79: /rateLimits/0/burst: expected a whole number of requests from 1 to 1000000000, found 0',
      '2:2: /rateLimits/1: expected an object with keys among name, key, requests, per, burst, block, cost, accuracy, found 7',
    ],
  },
  {
    behaviour: 'refuses proxies that are no addresses, and ways to name a client that nobody reads',
    text: '{ "clients": { "trustedProxies": ["localhost"], "forwardedFields": "X-Real-IP", "proxyProtocol": "on", "trustedHops": 0 } }',
    mistakes: [
      '1:35: /clients/trustedProxies/0: expected an address such as 192.0.2.1 or a block such as 192.0.2.0/24 or 2001:db8::/32, found "localhost"',
      '1:68: /clients/forwardedFields: expected "x-forwarded" or "forwarded", found "X-Real-IP"',
      '1:98: /clients/proxyProtocol: expected "off" or "v1" or "v2" or "any", found "on"',
      '1:119: /clients/trustedHops: expected a whole number of proxies from 1 to 32, found 0',
    ],
  },
  {
    behaviour: 'refuses numbers that are no counts',
    text: '{ "connections": { "max": 1e999 }, "queue": { "max": 1.5 }, "keepAlive": { "maxRequests": "1000" } }',
    mistakes: [
      '1:27: /connections/max: expected a whole number of connections from 1 to 1048576, found 1e999',
      '1:54: /queue/max: expected a whole number of requests from 1 to 1048576, found 1.5',
      '1:91: /keepAlive/maxRequests: expected a whole number of requests from 1 to 1000000000, found "1000"; did you mean 1000?',
    ],
  },
  {
    behaviour: 'refuses another choice, and names the near one',
    text: '{ "request": { "trailers": "dorp", "target": { "dotSegments": "decode" }, "content": { "delivery": "whole" } } }',
    mistakes: [
      '1:28: /request/trailers: expected "drop" or "reject", found "dorp"; did you mean "drop"?',
      '1:63: /request/target/dotSegments: expected "reject" or "keep", found "decode"',
      '1:100: /request/content/delivery: expected "complete" or "stream", found "whole"',
    ],
  },
  {
    behaviour: 'refuses methods that no request could have',
    text: '{ "request": { "methods": ["GET", "get", "CONNECT", 1, "GET"] } }',
    mistakes: [
      `1:35: /request/methods/1: expected ${method}, found "get"; did you mean "GET"?`,
      `1:42: /request/methods/2: expected ${method}, found "CONNECT"`,
      `1:53: /request/methods/3: expected ${method}, found 1`,
      '1:56: /request/methods: expected each element once, found "GET" again',
    ],
  },
  {
    behaviour: 'refuses an empty list of methods',
    text: '{ "request": { "methods": [] } }',
    mistakes: [`1:27: /request/methods: expected a list of 1 to 32 elements, each ${method}, found an empty list`],
  },
  {
    behaviour: 'refuses hosts that no Host field could match',
    text: '{ "request": { "hosts": ["*", "a:80", "a.*", "http://a", "a..b", "", "münchen.example"] } }',
    mistakes: [
      `1:26: /request/hosts/0: expected ${host}, found "*"`,
      `1:31: /request/hosts/1: expected ${host}, found "a:80"`,
      `1:39: /request/hosts/2: expected ${host}, found "a.*"`,
      `1:46: /request/hosts/3: expected ${host}, found "http://a"`,
      `1:58: /request/hosts/4: expected ${host}, found "a..b"`,
      `1:66: /request/hosts/5: expected ${host}, found ""`,
      `1:70: /request/hosts/6: expected ${host}, found "münchen.example"`,
    ],
  },
  {
    behaviour: 'refuses a value of another kind',
    text: '{ "request": [1], "queue": 3, "keepAlive": null, "connections": { "max": {} }, "$schema": true }',
    mistakes: [
      `1:14: /request: expected an object with ${requestKeys}, found a list`,
      '1:28: /queue: expected an object with the key max, found 3',
      '1:44: /keepAlive: expected an object with keys among idle, maxRequests, maxAge, found null',
      '1:74: /connections/max: expected a whole number of connections from 1 to 1048576, found an empty object',
      '1:91: /$schema: expected a string of at most 2048 characters, found true',
    ],
  },
  {
    behaviour: 'refuses a policy that is no object',
    text: ' "strict"',
    mistakes: [`1:2: expected an object with ${rootKeys}, found "strict"`],
  },
  {
    behaviour: 'refuses a key that is there twice, beside all other mistakes',
    text: '{ "queue": { "max": 0 },\r\n  "queue": { "max": 1, "max": 0 } }',
    mistakes: [
      '2:3: /queue: expected each key once, found this one again (first at 1:3)',
      '2:24: /queue/max: expected each key once, found this one again (first at 2:14)',
      '2:31: /queue/max: expected a whole number of requests from 1 to 1048576, found 0',
    ],
  },
  {
    behaviour: 'counts columns behind a byte order mark as an editor does',
    text: '\ufeff{ "quue": 1 }',
    mistakes: [`1:3: /quue: expected ${rootKeys}, found "quue"; did you mean "queue"?`],
  },
  {
    behaviour: 'says that this is another format',
    text: 'queue:\n  max: 3\n',
    mistakes: ['1:1: this is not JSON: expected a value or a key in double quotes, found queue'],
  },
  {
    behaviour: 'says that a comma is missing',
    text: '{\n  "queue": { "max": 1 }\n  "timeouts": {}\n}',
    mistakes: ['3:3: this is not JSON: expected a comma, found "timeouts"'],
  },
  {
    behaviour: 'says that a comma is too many',
    text: '{\n  "request": { "methods": ["GET",] },\n}',
    mistakes: [
      '2:34: this is not JSON: expected no comma before the closing ]',
      '3:1: this is not JSON: expected no comma before the closing }',
    ],
  },
  {
    behaviour: 'says that a brace is missing',
    text: '{ "queue": { "max": 1 }\n',
    mistakes: ['2:1: this is not JSON: expected a closing }, found the end of the file'],
  },
  {
    behaviour: 'says that a string does not end',
    text: '{ "queue }',
    mistakes: ['1:3: this is not JSON: expected a closing double quote on the same line, found "queue }'],
  },
  {
    behaviour: 'says that a comment does not end',
    text: '{} /* so far',
    mistakes: ['1:4: this is not JSON: expected the end of the comment, */, found /* so far'],
  },
  {
    behaviour: 'says that something follows the policy',
    text: '{}\n{}',
    mistakes: ['2:1: this is not JSON: expected nothing after the policy, found {'],
  },
  {
    behaviour: 'refuses a raw control character in a string',
    text: '{ "$schema": "a\u0001" }',
    mistakes: ['1:14: this is not JSON: expected control characters to be escaped, found "a\\u0001"'],
  },
  {
    behaviour: 'bounds nesting before it parses',
    text: `{ "queue":\n${'['.repeat(500_000)}`,
    mistakes: ['2:32: nested deeper than 32 levels'],
  },
  {
    behaviour: 'bounds the number of values before it parses',
    text: `{ "request": { "hosts": [\n${'0,'.repeat(150_000)}0] } }`,
    mistakes: ['2:199994: more values than any policy has'],
  },
];

describe('a policy file with mistakes', () => {
  for (const { behaviour, text, mistakes } of cases) {
    it(behaviour, () => {
      assert.throws(
        () => policyFrom(Buffer.from(text), 'site.json'),
        (error) => {
          assert.ok(error instanceof PolicyError, String(error));
          assert.deepEqual(
            error.message.split('\n').filter((line) => line.startsWith('site.json')),
            mistakes.map((mistake) => `site.json:${mistake}`),
          );
          return true;
        },
      );
    });
  }

  it('lists fifty mistakes and counts the rest', () => {
    const text = `{ "request": { "methods": [${Array.from({ length: 60 }, (_, index) => index).join(', ')}] } }`;
    assert.throws(
      () => policyFrom(Buffer.from(text), 'site.json'),
      (error) => {
        assert.ok(error instanceof PolicyError);
        assert.equal(error.mistakes.length, 50);
        assert.equal(error.message.split('\n').at(-1), 'site.json: and 11 more mistakes');
        return true;
      },
    );
  });
});
