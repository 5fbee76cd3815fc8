import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRecording, readRecordedRequests } from '../../src/explain/recorded-requests.ts';
import { UsageError } from '../../src/explain/usage-error.ts';

const entry = {
  recorded: '2026-11-24T20:00:00.000Z',
  client: '192.0.2.7',
  rule: 'host.not-allowed',
  status: 421,
  detail: 'no such host here',
  policy: 'site',
  route: null,
  request: 'GET /\u00ff HTTP/1.1\r\nHost: x\r\nAuthorization: ***\r\n\r\n',
  cut: false,
};
const line = JSON.stringify(entry);

const mistakes: readonly { readonly behaviour: string; readonly text: string; readonly said: RegExp }[] = [
  { behaviour: 'no line that is JSON', text: '{"request"\n{\n', said: /^r:1: expected one JSON/ },
  { behaviour: 'a line that is a list', text: '[]\n', said: /^r:1: expected a JSON object/ },
  { behaviour: 'an object without a request', text: '{}\n', said: /^r:1: expected the key request/ },
  { behaviour: 'a request of more than bytes', text: '{"request":"\u20ac"}\n', said: /^r:1: .*U\+00FF/ },
];

describe('a recording', () => {
  it('is read line by line, its requests as bytes', () => {
    const { requests, warnings } = readRecordedRequests(Buffer.from(`${line}\n\n${line}\n`), 'r');
    assert.deepEqual(
      requests.map((request) => request.line),
      [1, 3],
    );
    assert.equal(Buffer.from(requests[0]?.bytes ?? []).toString('latin1'), entry.request);
    assert.deepEqual(
      [requests[0]?.client, requests[0]?.rule, requests[0]?.status],
      ['192.0.2.7', 'host.not-allowed', 421],
    );
    assert.deepEqual(warnings, []);
  });

  it('may lack all but the request, and have keys of later versions', () => {
    const { requests } = readRecordedRequests(Buffer.from('{"request":"x","later":1,"client":null}'), 'r');
    const [{ bytes: _, ...rest } = { bytes: null }] = requests;
    const unknown = { recorded: null, client: null, rule: null, status: null, policy: null, route: null };
    assert.deepEqual(rest, { line: 1, ...unknown, isCut: false });
  });

  it('may end in a line that a crash cut off', () => {
    const { requests, warnings } = readRecordedRequests(Buffer.from(`${line}\n${line.slice(0, 90)}`), 'r');
    assert.equal(requests.length, 1);
    assert.deepEqual(warnings, ['r:2: this line is torn and skipped']);
  });

  it('may have torn lines and lines of more than a MiB anywhere', () => {
    const text = `${line.slice(0, 90)}\n${line}\n${' '.repeat(1_048_577)}\n${line}\n`;
    const { requests, warnings } = readRecordedRequests(Buffer.from(text), 'r');
    assert.deepEqual(
      requests.map((request) => request.line),
      [2, 4],
    );
    assert.deepEqual(warnings, ['r:1: this line and 1 more are torn and skipped']);
  });

  it('is empty where the file is', () => {
    assert.deepEqual(readRecordedRequests(Buffer.alloc(0), 'r'), { requests: [], warnings: [] });
  });

  for (const { behaviour, text, said } of mistakes) {
    it(`refuses ${behaviour}`, () => {
      assert.throws(
        () => readRecordedRequests(Buffer.from(text), 'r'),
        (error) => error instanceof UsageError && said.test(error.message),
      );
    });
  }

  it('refuses bytes that are no text', () => {
    assert.throws(() => readRecordedRequests(Buffer.from([0x7b, 0xff, 0x0a]), 'r'), UsageError);
  });

  it('is told from a request by its brace', () => {
    assert.equal(isRecording(Buffer.from(`\n${line}`)), true);
    assert.equal(isRecording(Buffer.from('GET / HTTP/1.1\r\n\r\n')), false);
    assert.equal(isRecording(Buffer.alloc(0)), false);
  });
});
