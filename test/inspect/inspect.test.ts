import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Inspection, inspect, inspectForm } from '../../src/inspect/inspect.ts';
import { rules } from '../../src/rejection/rules.ts';
import { bytesOf } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';
import { caseVerdict, inspectCaseFiles, inspectCases, policyOf, verdict } from './inspect-cases.ts';

/** One fault for each check, in the order in which they speak. Each begins where the one before it is mended. */
const faults = [
  { rule: 'target.malformed', wrong: { target: '/<' }, right: { target: '/' } },
  { rule: 'host.malformed', wrong: { host: 'Host: a b\r\n' }, right: { host: 'Host: a\r\n' } },
  { rule: 'field.repeated', wrong: { agent: 'User-Agent: a\r\nUser-Agent: b\r\n' }, right: { agent: '' } },
  { rule: 'field.malformed', wrong: { name: 'X_Y: z\r\n' }, right: { name: '' } },
  { rule: 'expect.unsupported', wrong: { expect: 'Expect: x\r\n' }, right: { expect: '' } },
  { rule: 'framing.transfer-coding', wrong: { framing: 'Transfer-Encoding: gzip\r\n' }, right: { framing: '' } },
  { rule: 'host.not-allowed', wrong: {}, right: { host: 'Host: b\r\n' } },
  { rule: 'method.not-allowed', wrong: { method: 'PROPFIND' }, right: { method: 'POST' } },
] as const;

type Parts = Record<'method' | 'target' | 'host' | 'agent' | 'name' | 'expect' | 'framing', string>;
const allWrong = Object.assign({}, ...faults.map(({ wrong }) => wrong)) as Parts;

function requestOf({ method, target, host, agent, name, expect, framing }: Parts): string {
  return `${method} ${target} HTTP/1.1\r\n${host}${agent}${name}${expect}${framing}\r\n`;
}

const strict = { underscores: 'reject', hosts: ['b'] } as const;

describe('the checks of a request', () => {
  it('speak in their order about a request that is wrong in every way', () => {
    let parts: Parts = allWrong;
    const rules: (string | undefined)[] = [];
    for (const { right } of faults) {
      rules.push(verdict(requestOf(parts), strict));
      parts = { ...parts, ...right };
    }
    assert.deepEqual(
      rules,
      faults.map(({ rule }) => rule),
    );
    assert.equal(verdict(requestOf(parts), strict), undefined);
  });

  it('tell of too much content before an unknown coding could be, and behind an expectation', () => {
    const tooLarge = { ...allWrong, ...Object.assign({}, ...faults.map(({ right }) => right)) } as Parts;
    tooLarge.framing = 'Content-Length: 1048577\r\n';
    assert.equal(verdict(requestOf(tooLarge)), 'content.too-large');
    assert.equal(verdict(requestOf({ ...tooLarge, expect: 'Expect: x\r\n' })), 'expect.unsupported');
  });

  it('let no refusal that costs only the request hide a fault that ends the connection', () => {
    const hidden = inspectCaseFiles.flatMap(inspectCases).flatMap((row) => {
      const { request, policy, rejected } = row;
      if (rejected === undefined || rejected === 'method.unknown' || rules[rejected].ends === 'request') return [];
      const changed = { ...policy, hosts: ['elsewhere.example'] };
      const rule = caseVerdict({ ...row, request: request.replace(/^[A-Z]+/, 'PURGE'), policy: changed });
      return rule !== undefined && rules[rule].ends === 'connection' ? [] : [request];
    });
    assert.deepEqual(hidden, []);
  });

  it('carry nothing over from the request before', () => {
    const inspection = new Inspection();
    const rows = inspectCaseFiles.flatMap(inspectCases);
    for (const [index, row] of rows.entries()) {
      const neighbour = rows[(index + 7) % rows.length];
      for (const next of neighbour === undefined ? [row] : [row, neighbour, row]) {
        assert.equal(caseVerdict(next, inspection), next.rejected);
      }
    }
  });

  it('leave the decoded path to those behind', () => {
    const inspection = new Inspection();
    const paths = ['/a%20b', '/c', '*', '/%41', 'http://a/d', 'http://a'].map((target) =>
      withHead(bytesOf(`OPTIONS ${target} HTTP/1.1\r\nHost: a\r\n\r\n`), (head) => {
        assert.equal(inspectForm(head, inspection) ?? inspect(head, policyOf(), inspection), undefined);
        const { pathBytes, pathStart, pathEnd } = inspection;
        return Buffer.from(pathBytes.subarray(pathStart, pathEnd)).toString('latin1');
      }),
    );
    assert.deepEqual(paths, ['/a b', '/c', '*', '/A', '/d', '']);
  });

  it('hear of every key of the policy: each changes a verdict', () => {
    const changed = new Set(
      inspectCaseFiles
        .flatMap(inspectCases)
        .filter(({ request, policy, rejected }) => policy !== undefined && verdict(request) !== rejected)
        .flatMap(({ policy }) => Object.keys(policy ?? {})),
    );
    const keys = ['methods', 'dotSegments', 'encodedSlash', 'hosts', 'underscores', 'contentBytes'];
    assert.deepEqual(
      keys.filter((key) => !changed.has(key)),
      [],
    );
  });
});
