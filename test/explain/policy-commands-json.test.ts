import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inFolderOfFiles, policy } from './policy-command-harness.ts';

/** The value at these keys; undefined where there is none. */
function at(value: unknown, ...keys: readonly (string | number)[]): unknown {
  let inner = value;
  for (const key of keys) inner = (inner as Record<string | number, unknown> | undefined)?.[key];
  return inner;
}

describe('portcullis policy --json', () => {
  inFolderOfFiles();

  async function json(args: string, code: number): Promise<object> {
    const said = await policy([...args.split(' '), '--json']);
    assert.deepEqual([said.code, said.stderr], [code, '']);
    return JSON.parse(said.stdout) as object;
  }

  it('check tells of valid and invalid files', async () => {
    const found = await json('check site.json invalid.json doubtful.json', 2);
    const facts = { policy: 'site', chain: ['site.json', 'default'], routes: 1, testsPassed: 2, warnings: [] };
    assert.deepEqual(at(found, 'files', 0), { file: 'site.json', valid: true, ...facts });
    const problem = at(found, 'files', 1, 'mistakes', 0, 'problem');
    const mistake = { file: 'invalid.json', line: 1, column: 3, pointer: '/requst', problem };
    assert.deepEqual(at(found, 'files', 1), { file: 'invalid.json', valid: false, mistakes: [mistake] });
    const warning = at(found, 'files', 2, 'warnings', 0);
    assert.deepEqual(Object.keys(warning as object), ['pointer', 'origin', 'problem']);
    assert.equal(at(warning, 'origin'), 'doubtful.json:1:17');
  });

  it('drives no terminal, whatever a client has sent', async () => {
    const { stdout, stderr } = await policy(['explain', '--json', 'terminal.jsonl']);
    assert.equal(stderr, '');
    assert.doesNotMatch(stdout, /[^\n\x20-\x7e\xa0-\xff]/);
    const [request] = (JSON.parse(stdout) as { requests: { recorded: object }[] }).requests;
    assert.equal(at(request, 'environ', 'HTTP_X'), '\x9b31m\xe2\x80\xae');
    assert.equal(at(request, 'recorded', 'rule'), '\x1b\u202e\u2028\u{e0001}');
  });

  it('test tells of each test', async () => {
    const problem = 'expected a request that is refused, found that it passes';
    const tests = [{ name: 'x', passed: false, line: 1, column: 11, problem }];
    const file = { file: 'failing.json', passed: 0, failed: 1, tests };
    assert.deepEqual(await json('test failing.json', 1), { files: [file] });
  });

  it('explain tells of each request', async () => {
    const found = await json('explain -P site.json refused.http', 1);
    assert.deepEqual(Object.keys(found), ['policy', 'requests', 'more', 'counts', 'unreadBytes']);
    assert.deepEqual(at(found, 'counts'), { pass: 0, refuse: 1, incomplete: 0 });
    const request = at(found, 'requests', 0);
    const facts = ['request', 'host', 'client', 'verdict', 'environ', 'closes', 'hint', 'recorded'];
    assert.deepEqual(
      facts.map((key) => at(request, key)),
      ['GET /admin/x', 'shop.example', '192.0.2.1', 'refuse', null, true, null, null],
    );
    const refusal = ['rule', 'status', 'pointer', 'source'].map((key) => at(request, 'refusal', key));
    assert.deepEqual(refusal, ['client.denied', 403, '/clients', 'RFC 9110 section 15.5.4']);
    const decided = at(request, 'refusal', 'decided', 0);
    const origin = at(decided, 'origin');
    const place = { pointer: '/routes/0/clients/allow', value: ['10.0.0.0/8'], text: '10.0.0.0/8', origin };
    assert.deepEqual(decided, place);
    assert.match(String(origin), /^site\.json:\d+:\d+$/);
    assert.deepEqual(at(request, 'effective', '/clients/allow'), place);
    assert.equal(at(request, 'effective', '/request/line/maxBytes', 'value'), 2048);
  });

  it('explain tells which rate limits a request counts under', async () => {
    const found = await json('explain -P limited.json login.http', 1);
    const counted = [0, 1, 2].map((index) => at(found, 'requests', index, 'countedBy'));
    assert.deepEqual(at(counted[0], 'pointer'), '/routes/0/rateLimits');
    assert.deepEqual(at(counted[0], 'value', 0, 'perMs'), 60_000);
    assert.deepEqual(counted.slice(1), [null, null]);
  });

  it('diff tells of values, routes and requests', async () => {
    const found = await json('diff site.json stricter.json --requests requests.jsonl', 1);
    assert.deepEqual(Object.keys(found), ['same', 'values', 'routes', 'requests']);
    const change = at(found, 'values', 0);
    assert.equal(at(change, 'pointer'), '/request/line/maxBytes');
    assert.deepEqual([at(change, 'old', 'value'), at(change, 'new', 'value')], [2048, 1024]);
    const observed = { verdict: 'pass', rule: null, status: null, observed: ['host.not-allowed'] };
    const refused = { verdict: 'refuse', rule: 'host.not-allowed', status: 421, observed: [] };
    const changes = [{ line: 1, request: 'GET /', client: '192.0.2.7', old: observed, new: refused }];
    assert.deepEqual(at(found, 'requests'), { count: 3, changed: 1, changes });
    assert.deepEqual(await json('diff site.json site.json', 0), { same: true, values: [], routes: [], requests: null });
  });
});
