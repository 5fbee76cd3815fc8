import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { arrivalFrom, nobody } from '../../src/explain/arriving.ts';
import { explain } from '../../src/explain/explain.ts';
import { type ExplainedRequest, explainedRequest } from '../../src/explain/explained-request.ts';
import { parserContext } from '../../src/explain/parser-context.ts';

import { loadPolicy, policyFrom } from '../../src/policy/load.ts';
import { type PolicyInForce, putInForce } from '../../src/policy/policy-in-force.ts';
import { mountAt } from '../../src/upstream/mount.ts';
import { bytesOf, readCases } from '../support/cases.ts';

type Expected = {
  readonly verdict: string;
  readonly rule?: string;
  readonly decided?: readonly string[];
  readonly observed?: readonly string[];
  readonly route?: string;
  readonly requestLine?: string | null;
  readonly host?: string;
  readonly start?: number;
  readonly closes?: boolean;
  readonly unreadBytes?: number;
  readonly environ?: Readonly<Record<string, string>> | null;
};

type Case = {
  readonly behaviour: string;
  readonly source: string;
  readonly policy?: object;
  readonly from?: string;
  readonly mount?: string;
  readonly request: string;
  readonly expect: readonly Expected[];
};

function inForce(file: object | undefined): PolicyInForce {
  return putInForce(file === undefined ? loadPolicy(null) : policyFrom(Buffer.from(JSON.stringify(file)), 'site.json'));
}

function explainCase({ policy: file, from = nobody, mount = '', request }: Case) {
  const policy = inForce(file);
  const bytes = bytesOf(request);
  const arriving = arrivalFrom(from, policy.policy.name, mountAt(mount));
  return [...explain(bytes, policy, arriving, parserContext())].map((explanation) => {
    const sender = { text: from, address: arriving.peer };
    return { ...explanation, explained: explainedRequest(explanation, bytes, sender, null, policy) };
  });
}

/** As much of an explanation as a case names. */
function shown(expected: Expected, found: ReturnType<typeof explainCase>[number]): object {
  const { explained, rejection, environ, ...plain } = found;
  const { decided, observed } = texts(explained);
  const all = { ...plain, rule: rejection?.rule, decided, observed, route: explained.route?.label, environ };
  const picked = Object.fromEntries(Object.entries(all).filter(([key]) => key in expected || key === 'rule'));
  if (expected.rule === undefined && picked['rule'] === undefined) delete picked['rule'];
  if (expected.environ === undefined || expected.environ === null || environ === null) return picked;
  const keys = Object.keys(expected.environ);
  return { ...picked, environ: Object.fromEntries(keys.map((key) => [key, environ[key]])) };
}

function texts({ rejection, observed }: ExplainedRequest) {
  return {
    decided: rejection?.decided.map(({ pointer, text }) => `${pointer} = ${text}`) ?? [],
    observed: observed.map(({ rule, mode }) => `${rule} by ${mode?.pointer} = ${mode?.text}`),
  };
}

describe('an explanation', () => {
  for (const one of readCases<Case>('./explain.cases.json', import.meta.url)) {
    it(`${one.behaviour} (${one.source})`, () => {
      const found = explainCase(one);
      assert.equal(found.length, one.expect.length);
      const expected = one.expect.map((row) =>
        typeof row.requestLine === 'string'
          ? { ...row, requestLine: bytesOf(row.requestLine).toString('latin1') }
          : row,
      );
      assert.deepEqual(
        found.map((row, index) => shown(expected[index] ?? { verdict: row.verdict }, row)),
        expected,
      );
    });
  }

  it('names every value that holds, each with its origin', () => {
    const [found] = explainCase({
      behaviour: '',
      source: '',
      policy: { timeouts: { head: '9s' }, routes: [{ path: '/x', timeouts: { worker: 0 } }] },
      request: 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n',
      expect: [],
    });
    const effective = new Map(found?.explained.effective.map((value) => [value.pointer, value]));
    const origin = 'site.json:1:';
    assert.equal(effective.get('/timeouts/head')?.text, '9s');
    assert.ok(effective.get('/timeouts/head')?.origin.startsWith(origin));
    assert.deepEqual(effective.get('/routes/0/timeouts/worker')?.text, 'no deadline');
    assert.equal(effective.has('/timeouts/worker'), false);
    assert.equal(effective.get('/queue/max')?.origin, 'default');
  });

  it('stays as large as it is asked for, however many requests there are', () => {
    const policy = inForce({ keepAlive: { maxRequests: 1_000_000 } });
    const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100_000));
    let count = 0;
    for (const { verdict } of explain(bytes, policy, arrivalFrom(nobody, 'site'), parserContext())) {
      if (verdict === 'pass') count += 1;
    }
    assert.equal(count, 100_000);
  });
});

/** Rows of test/corpus, whose README says what each key means. */
type Row = {
  readonly id: string;
  readonly send: readonly string[];
  readonly expect: 'accept' | 'reject' | 'safe' | 'either';
  readonly count?: number;
  readonly status?: readonly number[];
  readonly hang_ok?: boolean;
  readonly eof?: boolean;
};

describe('explanations of the corpus', () => {
  const policy = inForce(undefined);

  function fault({ send, expect, count, status, hang_ok = false }: Row): string | undefined {
    const bytes = Buffer.concat(send.map((segment) => Buffer.from(segment, 'base64')));
    const found = [...explain(bytes, policy, arrivalFrom(nobody, 'default'), parserContext())];
    const passed = found.filter(({ verdict }) => verdict === 'pass').length;
    const refused = found.find(({ verdict }) => verdict === 'refuse')?.rejection;
    const closes = found.some((one) => one.closes);
    const most = count ?? (expect === 'reject' ? 0 : 1);
    if (expect !== 'either' && passed > most) return `${passed} pass`;
    if (expect === 'accept' && passed < most && !closes) return `${passed} of ${most} pass`;
    if (expect !== 'reject') return undefined;
    if (refused === undefined || refused === null) return hang_ok || closes ? undefined : 'none is refused';
    if (status === undefined || status.includes(refused.status ?? 0)) return undefined;
    return `refused with ${refused.status}`;
  }

  it('are the verdicts that the server reaches', () => {
    const rows = ['requests.jsonl', 'techniques.jsonl'].flatMap((name) =>
      readFileSync(new URL(`../corpus/${name}`, import.meta.url), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Row),
    );
    // What the end of a connection makes of a request, bytes do not show.
    const judged = rows.filter(({ eof }) => eof !== true);
    assert.ok(judged.length > 7000);
    const faults = judged.flatMap((row) => {
      const problem = fault(row);
      return problem === undefined ? [] : [`${row.id}: ${problem}`];
    });
    assert.deepEqual(faults, []);
  });
});
