import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseHead } from '../../src/http1/response-head.ts';
import { expand } from '../../src/rejection/example-bytes.ts';
import { bytesOf, readCases } from '../support/cases.ts';

type ResponseHeadCase = {
  readonly behaviour: string;
  readonly source: string;
  /** As it travels: NUL behind the status and behind each name and value. */
  readonly head: string;
  /** Status and field lines as they will be written; Content-Length left out. */
  readonly lines?: string;
  readonly contentLength?: number;
  /** Part of what is said about a head that is refused. */
  readonly fault?: string;
};

const cases = readCases<ResponseHeadCase>('response-head.cases.json', import.meta.url);

function linesOf(head: ResponseHead): string {
  const { bytes, statusEnd, end } = head;
  return `${bytes.toString('latin1', 0, statusEnd)}\r\n${bytes.toString('latin1', statusEnd, end)}`;
}

describe('the response head of an application', () => {
  for (const row of cases) {
    it(`${row.behaviour} (${row.source})`, () => {
      const head = new ResponseHead();
      const block = bytesOf(row.head);
      const fault = head.read(block);
      if (row.fault !== undefined) {
        assert.ok(fault?.includes(row.fault), `said ${fault}`);
        return;
      }
      assert.equal(fault, undefined);
      assert.equal(linesOf(head), expand(row.lines ?? ''));
      assert.equal(head.contentLength, row.contentLength ?? -1);
    });
  }

  it('is read from the middle of other bytes, and never beyond its end', () => {
    for (const row of cases) {
      const head = bytesOf(row.head);
      const around = Buffer.concat([Buffer.from('999 \0X\0'), head, Buffer.from('Y\0z\0')]);
      const alone = new ResponseHead();
      const inside = new ResponseHead();
      assert.equal(inside.read(around, 7, 7 + head.length), alone.read(head), row.behaviour);
      if (row.fault === undefined) assert.equal(linesOf(inside), linesOf(alone), row.behaviour);
    }
  });

  it('leaves nothing behind for the next one', () => {
    const head = new ResponseHead();
    assert.equal(head.read(Buffer.from('404 No\0Content-Length\x005\0Date\0then\0X\0y\0')), undefined);
    assert.equal(head.read(Buffer.from('200 OK\0')), undefined);
    assert.deepEqual([head.status, head.contentLength, head.hasDate, linesOf(head)], [200, -1, false, '200 OK\r\n']);
  });

  it('says what is wrong without a byte of it', () => {
    for (const row of cases.filter(({ fault }) => fault !== undefined)) {
      const fault = new ResponseHead().read(bytesOf(row.head));
      assert.match(fault ?? '', /^[a-zA-Z0-9 ,:-]+$/, row.behaviour);
    }
  });
});
