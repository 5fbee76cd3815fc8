import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyFrom } from '../../src/policy/load.ts';
import type { Policy } from '../../src/policy/policy.ts';

function policyOf(text: string, file = 'site.yaml'): Policy {
  return policyFrom(Buffer.from(text), file);
}

describe('a policy in YAML', () => {
  const site = `# Ours.
%s
extends: default
request:
  line: { maxBytes: 2KiB }
  methods:
  - GET
  - "POST"
  hosts: ['example.com', "*.example.com", '[::1]']
  fields:
    maxCount: 0x32
    "maxTotalBytes": 32768
timeouts:
  head: 0.5
  worker: >-
    10s
keepAlive: {idle: 15s, maxRequests: 1e2}
`;

  for (const [behaviour, text] of [
    ['is read', site.replace('%s\n', '')],
    ['may have a document start and end', `${site.replace('%s', '---')}...\n# end\n`],
    ['may have a byte order mark and CRLF line ends', `\ufeff${site.replace('%s\n', '').replaceAll('\n', '\r\n')}`],
  ] as const) {
    it(behaviour, () => {
      const { request, timeouts, keepAlive } = policyOf(text);
      assert.equal(request.lineBytes, 2048);
      assert.deepEqual(request.methods, ['GET', 'POST']);
      assert.deepEqual(request.hosts, ['example.com', '*.example.com', '[::1]']);
      assert.equal(request.fieldCount, 50);
      assert.equal(request.totalFieldBytes, 32_768);
      assert.equal(timeouts.headMs, 500);
      assert.equal(timeouts.workerMs, 10_000);
      assert.deepEqual(keepAlive, { idleMs: 15_000, maxRequests: 100, maxAgeMs: 3_600_000 });
    });
  }

  it('says where each value stands, at its key', () => {
    const { origins } = policyOf(site.replace('%s\n', ''));
    assert.equal(origins['/request/line/maxBytes'], 'site.yaml:4:11');
    assert.equal(origins['/request/methods'], 'site.yaml:5:3');
    assert.equal(origins['/request/fields/maxTotalBytes'], 'site.yaml:11:5');
    assert.equal(origins['/timeouts/worker'], 'site.yaml:14:3');
    assert.equal(origins['/timeouts/queue'], 'default');
  });

  it('has the names .yaml and .yml, in capitals too', () => {
    for (const file of ['a.yaml', 'a.yml', 'a.YAML']) assert.equal(policyOf('queue: { max: 3 }', file).queue.max, 3);
    assert.throws(() => policyOf('queue: { max: 3 }', 'a.conf'), /this is not JSON/);
  });

  it('may be JSON, and is the same policy then', () => {
    const text = '{ "request": { "hosts": ["a.example"], "line": { "maxBytes": "2KiB" } },\n "queue": { "max": 3 } }';
    const { origins: yamlOrigins, ...yaml } = policyOf(text);
    const { origins: jsonOrigins, ...json } = policyOf(text, 'site.json');
    assert.deepEqual(yaml, json);
    assert.equal(JSON.stringify(yamlOrigins), JSON.stringify(jsonOrigins).replaceAll('site.json', 'site.yaml'));
  });

  it('takes for strings what only looks like no number', () => {
    for (const word of ['nan', 'NaN', 'inf', 'Infinity', '1_000', '0o', '12:30', 'yes', 'off']) {
      assert.throws(() => policyOf(`queue: { max: ${word} }`), new RegExp(`from 1 to 1048576, found ${word}\n`), word);
      assert.match(policyOf(`$schema: ${word}`).name, /site/, word);
    }
  });
});
