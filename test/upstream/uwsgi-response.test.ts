import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UwsgiResponseHead } from '../../src/upstream/uwsgi-response.ts';
import { bytesOf, readCases } from '../support/cases.ts';

type Row = {
  readonly behaviour: string;
  readonly source: string;
  readonly bytes: string;
  readonly maxBytes?: number;
  readonly head?: string;
  readonly contentLength?: number;
  readonly fault?: string;
};

/** Where the content began among all bytes, or the fault; -1: there is more to come. */
function read(head: UwsgiResponseHead, pieces: readonly Buffer[]): number | string {
  let before = 0;
  for (const piece of pieces) {
    const outcome = head.receive(piece);
    if (outcome !== -1) return typeof outcome === 'string' ? outcome : before + outcome;
    before += piece.length;
  }
  return -1;
}

function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

describe('the head of an upstream’s answer', () => {
  for (const row of readCases<Row>('./uwsgi-response.cases.json', import.meta.url)) {
    const { behaviour, source, maxBytes = 65_536, contentLength = -1, fault } = row;
    it(`${behaviour} (${source})`, () => {
      const bytes = bytesOf(row.bytes);
      const content = Buffer.from('content\r\n\r\n');
      const whole = fault === undefined ? Buffer.concat([bytes, content]) : bytes;
      for (const pieces of [[whole], byteByByte(whole)]) {
        const head = new UwsgiResponseHead(maxBytes);
        assert.equal(read(head, pieces), fault ?? bytes.length);
        if (row.head === undefined) continue;
        assert.deepEqual(head.encoded, bytesOf(row.head));
        assert.equal(head.contentLength, contentLength);
      }
    });
  }

  it('says whether any of it has come', () => {
    const head = new UwsgiResponseHead(100);
    assert.equal(head.hasBegun, false);
    assert.equal(head.receive(Buffer.from('H')), -1);
    assert.equal(head.hasBegun, true);
  });
});
