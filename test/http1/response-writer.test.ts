import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseHead } from '../../src/http1/response-head.ts';
import { ResponseWriter, refusalResponse } from '../../src/http1/response-writer.ts';
import { expand } from '../../src/rejection/example-bytes.ts';
import { bytesOf, readCases } from '../support/cases.ts';

type ResponseWriterCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly head: string;
  readonly isHead: boolean;
  readonly minorVersion: 0 | 1;
  readonly keepAlive: boolean;
  /** The first comes with the head, the last with the end. */
  readonly pieces: readonly string[];
  readonly written: string;
  readonly excess?: number;
  readonly missing?: number;
  /** The connection has to end although both sides could go on. */
  readonly endsConnection?: true;
};

const dateLine = Buffer.from('Date: now\r\n');

function write(row: ResponseWriterCase): { written: string; writer: ResponseWriter } {
  const head = new ResponseHead();
  assert.equal(head.read(bytesOf(row.head)), undefined);
  const writer = new ResponseWriter(row);
  const written = row.pieces.map((text, index) => {
    // A piece is a part of a buffer that is used again as soon as the call returns.
    const bytes = Buffer.from(`<${expand(text)}>`, 'latin1');
    const piece = { bytes, start: 1, end: bytes.length - 1 };
    const end = index === row.pieces.length - 1;
    const out = index === 0 ? writer.begin(head, piece, end, dateLine) : writer.content(piece, end);
    bytes.fill('?');
    return out.toString('latin1');
  });
  return { written: written.join(''), writer };
}

describe('a response', () => {
  for (const row of readCases<ResponseWriterCase>('response-writer.cases.json', import.meta.url)) {
    it(`${row.behaviour} (${row.source})`, () => {
      const { written, writer } = write(row);
      assert.equal(written, expand(row.written));
      assert.deepEqual(
        [writer.excess, writer.missing, writer.keepAlive],
        [row.excess ?? 0, row.missing ?? 0, row.keepAlive && row.endsConnection !== true],
      );
    });
  }
});

describe('a refusal', () => {
  const options = { keepAlive: false, isHead: false, fields: '' };

  it('says status, rule and that the connection ends', () => {
    assert.equal(
      refusalResponse(400, 'host.missing', options, dateLine).toString(),
      'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 31\r\nDate: now\r\n' +
        'Connection: close\r\n\r\n400 Bad Request (host.missing)\n',
    );
  });

  it('leaves the connection open where it can', () => {
    const text = refusalResponse(405, 'method.not-allowed', { ...options, keepAlive: true }, dateLine).toString();
    assert.doesNotMatch(text, /Connection/);
  });

  it('has no content for HEAD, but its length', () => {
    const text = refusalResponse(400, 'host.missing', { ...options, isHead: true }, dateLine).toString();
    assert.match(text, /Content-Length: 31\r\n(.*\r\n)*\r\n$/);
  });

  it('carries the fields that its status asks for', () => {
    const fields = 'Retry-After: 1\r\n';
    assert.match(
      refusalResponse(503, 'overload.queue', { ...options, fields }, dateLine).toString(),
      /\r\nRetry-After: 1\r\n/,
    );
  });
});
