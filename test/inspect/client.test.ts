import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caseVerdict, testInspectCases } from './inspect-cases.ts';

describe('the check of a client', () => {
  testInspectCases('client.cases.json');

  it('speaks before all others, so that a denied client learns nothing', () => {
    const request = 'PUT /.. HTTP/1.1\r\nHost: a\r\n\r\n';
    const denied = { request, policy: { methods: ['GET'] }, clients: { deny: ['::1'] } };
    assert.equal(caseVerdict({ ...denied, from: '::1' }), 'client.denied');
    assert.equal(caseVerdict({ ...denied, from: '::2' }), 'target.forbidden');
  });
});
