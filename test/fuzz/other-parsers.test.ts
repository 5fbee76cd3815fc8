import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readControl, withControl } from '../../fuzz/control.ts';
import { disagreement, type OracleName } from '../../fuzz/oracle/agreement.ts';
import { h11Readings } from '../../fuzz/oracle/h11-reading.ts';
import { knownDifferences } from '../../fuzz/oracle/known-differences.ts';
import { nodeReading } from '../../fuzz/oracle/node-reading.ts';
import { type OwnReading, type Reading, readRequests } from '../../fuzz/reading.ts';
import { corpusRequests, requestsOfCases } from '../../fuzz/seeds/cases.ts';
import { bytesOf, readCases } from '../support/cases.ts';

type KnownCase = { readonly difference: string; readonly request: string };
const knownCases = readCases<KnownCase>('../../fuzz/oracle/known-differences.cases.json', import.meta.url);

const oracles: Readonly<Record<OracleName, (inputs: readonly Uint8Array[]) => readonly Reading[]>> = {
  node: (inputs) => inputs.map(nodeReading),
  h11: h11Readings,
};

function ourReading(bytes: Uint8Array): OwnReading {
  const input = readControl(withControl(bytes));
  assert.ok(input !== undefined);
  return readRequests([bytes], input.control);
}

/** Everything that is known to matter, accepted or not: what we accept of it has to mean the same to others. */
const inputs = [...corpusRequests().map(({ bytes }) => bytes), ...requestsOfCases()];

describe('another parser understands what we accept as we do', () => {
  for (const [oracle, readingsOf] of Object.entries(oracles) as [OracleName, (typeof oracles)[OracleName]][]) {
    it(oracle, () => {
      const accepted = inputs
        .map((bytes) => ({ bytes, ours: ourReading(bytes) }))
        .filter(({ ours }) => ours.messages.length > 0);
      assert.ok(accepted.length > 500, `${accepted.length} inputs are accepted`);
      const readings = readingsOf(accepted.map(({ bytes }) => bytes));
      for (const [index, { bytes, ours }] of accepted.entries()) {
        const theirs = readings[index];
        assert.ok(theirs !== undefined);
        assert.equal(disagreement(ours, oracle, theirs), undefined, JSON.stringify(bytes.toString('latin1')));
      }
    });
  }
});

describe('each known difference', () => {
  it('has its cases, and no case names another', () => {
    const named = new Set(knownCases.map(({ difference }) => difference));
    assert.deepEqual([...named].sort(), knownDifferences.map(({ name }) => name).sort());
  });

  for (const { difference, request } of knownCases) {
    it(`is needed: ${difference}`, () => {
      const known = knownDifferences.find(({ name }) => name === difference);
      assert.ok(known !== undefined);
      const bytes = bytesOf(request);
      const [theirs] = oracles[known.oracle]([bytes]);
      assert.ok(theirs !== undefined);
      const others = knownDifferences.filter((other) => other !== known);
      assert.equal(disagreement(ourReading(bytes), known.oracle, theirs), undefined);
      assert.notEqual(disagreement(ourReading(bytes), known.oracle, theirs, others), undefined);
    });
  }
});

describe('a reading that differs', () => {
  const message = { method: 'GET', target: '/', minorVersion: 1, fields: [['host', 'a']], content: 'x' } as const;
  const ours: Reading = { messages: [message], end: 'between' };
  const others: readonly (readonly [what: string, theirs: Reading, said: RegExp | undefined])[] = [
    ['method', { ...ours, messages: [{ ...message, method: 'PUT' }] }, /another method/],
    ['target', { ...ours, messages: [{ ...message, target: '/x' }] }, /another target/],
    ['version', { ...ours, messages: [{ ...message, minorVersion: 0 }] }, /another version/],
    ['content', { ...ours, messages: [{ ...message, content: '' }] }, /another content/],
    ['number of fields', { ...ours, messages: [{ ...message, fields: [] }] }, /another number of fields/],
    ['field name', { ...ours, messages: [{ ...message, fields: [['x', 'a']] }] }, /name in field 1/],
    ['field value', { ...ours, messages: [{ ...message, fields: [['host', 'b']] }] }, /value in field 1/],
    ['number of requests: more', { ...ours, messages: [message, message] }, /they saw 2 requests, we 1/],
    ['number of requests: fewer', { messages: [], end: 'within' }, /we saw 1 requests, they 0/],
    ['refusal, where it is Node’s parser', { messages: [], end: 'refused' }, /we saw 1 requests, they 0/],
    ['close', { messages: [], end: 'closed' }, undefined],
  ];
  for (const [what, theirs, said] of others) {
    it(`in its ${what} is ${said === undefined ? 'none of acceptance' : 'told'}`, () => {
      const difference = disagreement(ours, 'node', theirs);
      if (said === undefined) assert.equal(difference, undefined);
      else assert.match(difference ?? '', said);
    });
  }

  it('in the refusal of another parser is none of acceptance', () => {
    assert.equal(disagreement(ours, 'h11', { messages: [], end: 'refused' }), undefined);
  });
});
