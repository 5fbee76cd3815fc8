import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RequestHead } from '../../src/http1/request-head.ts';
import { decodePath, RequestTarget, readTarget } from '../../src/http1/request-target.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { events, refusedBy } from '../support/parser-events.ts';
import { withHead } from '../support/with-head.ts';

type TargetCase = {
  readonly behaviour: string;
  readonly source: string;
  /** GET where it is left out. */
  readonly method?: string;
  readonly target: string;
  readonly form?: string;
  readonly authority?: string;
  readonly path?: string;
  readonly query?: string;
  /** The path once its escapes are decoded. */
  readonly decoded?: string;
  readonly hasDots?: boolean;
  readonly fault?: string;
  /** The fault is in an escape: found where the path is decoded. */
  readonly onDecode?: true;
};

const target = new RequestTarget();

function requestOf(row: TargetCase): Buffer {
  return bytesOf(`${row.method ?? 'GET'} ${row.target} HTTP/1.1\r\nHost: a\r\n\r\n`);
}

function partsOf(head: RequestHead) {
  const { form, authorityStart, authorityEnd, pathStart, pathEnd, queryStart, queryEnd } = target;
  return {
    form,
    authority: head.latin1(authorityStart, authorityEnd),
    path: head.latin1(pathStart, pathEnd),
    query: head.latin1(queryStart, queryEnd),
  };
}

/** The decoded path, written behind bytes that must stay; undefined for an escape that is none. */
function decode(head: RequestHead): string | undefined {
  const into = Buffer.alloc(2 + target.pathEnd - target.pathStart, 'x');
  const end = decodePath(head.bytes, head.base + target.pathStart, head.base + target.pathEnd, into, 2);
  assert.equal(into.toString('latin1', 0, 2), 'xx');
  return end < 0 ? undefined : into.toString('latin1', 2, end);
}

describe('a request target', () => {
  for (const row of readCases<TargetCase>('request-target.cases.json', import.meta.url)) {
    it(`${row.behaviour} (${row.source})`, () => {
      if (row.fault !== undefined && row.onDecode === undefined) {
        assert.equal(ruleOf(row), row.fault);
        return;
      }
      withHead(requestOf(row), (head) => {
        assert.equal(readTarget(head, target), undefined);
        if (row.fault !== undefined) return assert.equal(decode(head), undefined);
        const { form, authority = '', path, query } = row;
        assert.deepEqual(partsOf(head), { form, authority, path, query });
        assert.equal(target.hasEscapes, path?.includes('%'));
        assert.equal(decode(head), row.decoded ?? path);
        if (row.hasDots !== undefined) assert.equal(target.hasDots, row.hasDots);
      });
    });
  }

  it('forgets the one before it', () => {
    const dotted = bytesOf('GET http://a/.b%41?c HTTP/1.1\r\nHost: a\r\n\r\n');
    withHead(dotted, (head) => assert.equal(readTarget(head, target), undefined));
    for (const [method, path] of [
      ['GET', '/b'],
      ['OPTIONS', '*'],
    ]) {
      withHead(bytesOf(`${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`), (head) => {
        assert.equal(readTarget(head, target), undefined);
        assert.deepEqual({ ...partsOf(head), form: '' }, { form: '', authority: '', path, query: '' });
        assert.deepEqual([target.hasDots, target.hasEscapes], [false, false]);
      });
    }
  });
});

/** What refuses this target: the parser, or the reading of its grammar. */
function ruleOf(row: TargetCase): string | undefined {
  const byParser = refusedBy(events([requestOf(row)]));
  return byParser ?? withHead(requestOf(row), (head) => readTarget(head, target)?.rule);
}
