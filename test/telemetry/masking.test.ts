import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { explain } from '../../src/explain/explain.ts';
import { RequestParser } from '../../src/http1/request-parser.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { maskRequest } from '../../src/telemetry/masking.ts';
import { mountAt } from '../../src/upstream/mount.ts';
import { readCases } from '../support/cases.ts';
import { byteByByte, context } from '../support/parser-events.ts';

type Case = {
  readonly behaviour: string;
  readonly names?: readonly string[];
  readonly request: string;
  readonly masked: string;
};

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const policy = putInForce(loadPolicy(null));
const arriving = { peer: undefined, mount: mountAt(''), pairs: () => Buffer.alloc(0) };

describe('a masked request', () => {
  for (const { behaviour, names = [], request, masked } of readCases<Case>('masking.cases.json', import.meta.url)) {
    it(behaviour, () => {
      assert.equal(maskRequest(latin1(request), new Set(names)).text, masked);
    });
  }

  it('says whether its head is whole, and whether content follows', () => {
    const said = (request: string) => {
      const { isWhole, announcesContent } = maskRequest(latin1(request), new Set());
      return { isWhole, announcesContent };
    };
    assert.deepEqual(said('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), { isWhole: true, announcesContent: false });
    assert.deepEqual(said('GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n'), { isWhole: true, announcesContent: false });
    assert.deepEqual(said('GET / HTTP/1.1\r\ncontent-length : 1\r\n\r\n'), { isWhole: true, announcesContent: true });
    assert.deepEqual(said('GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n'), { isWhole: true, announcesContent: true });
    for (const part of [
      '',
      '\r\n',
      'GET',
      'GET / HTTP/1.1\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\n\r',
      'GET / HTTP/1.1\r',
    ]) {
      assert.deepEqual(said(part), { isWhole: false, announcesContent: false }, part);
    }
  });

  it('keeps the place of each line end and control byte', () => {
    const pieces = ['GET', ' ', '\t', '/', '?', 'a=b', '&', '#', '@', 'http://', 'HTTP/1.1', '\r\n', '\r', '\n', ':'];
    const more = ['Host', 'Accept', 'x', '\0', '\xe9', '%2e', ';a=b', 'Content-Length: 1'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces, ...more), { maxLength: 30 }), (parts) => {
        const request = parts.join('');
        const { text } = maskRequest(latin1(request), new Set());
        const controls = (of: string): string => of.replace(/[^\x00-\x08\x0a-\x1f]/g, '.');
        assert.equal(controls(text), controls(request.slice(0, text.length)));
      }),
      { numRuns: 2000 },
    );
  });

  it('shows no secret, wherever in a head of any form it stands behind a name that hides it', () => {
    const ends = fc.constantFrom('\r\n', '\n', '\r', '\r\n ', '\r\n\t');
    const names = fc.constantFrom('Cookie', 'authorization', 'X-Api-Key', ' Cookie', 'Coo\0kie', 'Authorization\t');
    const starts = fc.constantFrom('GET / HTTP/1.1', 'GET /?a=zqzq HTTP/1.1', '\r\nGET /', 'zqzq', '\x16\x03zqzq');
    fc.assert(
      fc.property(starts, ends, names, ends, (start, end, name, last) => {
        const { text } = maskRequest(latin1(`${start}${end}${name}: zqzq${last}zqzq`), new Set());
        assert.doesNotMatch(text, /zq/);
      }),
    );
  });

  it('takes time in proportion to its length', () => {
    const long = (text: string): Buffer => latin1(text.repeat(Math.ceil(80_000 / text.length)));
    const began = performance.now();
    for (const text of [
      ' ',
      '\t',
      ';',
      '/',
      '@',
      '%',
      '?',
      '=',
      '&',
      '\r',
      'a ',
      ': ',
      'http:',
      ';a=',
      '\r\n',
      'A',
      '\r\n:',
    ]) {
      for (const start of ['', 'GET /', 'GET / HTTP/1.1\r\nReferer: ', 'GET / HTTP/1.1\r\nCookie: ']) {
        maskRequest(Buffer.concat([latin1(start), long(text)]), new Set());
      }
    }
    const milliseconds = performance.now() - began;
    assert.ok(milliseconds < 5000, `${milliseconds} ms`);
  });
});

describe('the corpus, masked as it would be recorded', () => {
  for (const file of ['requests', 'techniques']) {
    it(`is refused by the same rules, whole and byte by byte: ${file}`, () => {
      let refusals = 0;
      for (const { id, bytes } of corpus(file)) {
        for (const pieces of [[bytes], byteByByte(bytes)]) {
          const { rule, head } = refusedHead(pieces);
          if (head === undefined) continue;
          refusals += 1;
          assert.equal(ruleOf(latin1(maskRequest(head, new Set()).text)), rule, id);
        }
        // Also by those rules that look at a head that parses.
        const { text } = maskRequest(bytes, new Set());
        assert.equal(ruleOf(latin1(text)), ruleOf(bytes.subarray(0, text.length)), id);
      }
      assert.ok(refusals > 1000, `${refusals} refusals`);
    });
  }
});

function corpus(file: string): { readonly id: string; readonly bytes: Buffer }[] {
  const lines = readFileSync(new URL(`../corpus/${file}.jsonl`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const { id, send } = JSON.parse(line) as { readonly id: string; readonly send: readonly string[] };
    return { id, bytes: Buffer.concat(send.map((segment) => Buffer.from(segment, 'base64'))) };
  });
}

/** The rule that the parser refuses by, and the head that it has at that moment. */
function refusedHead(pieces: readonly Uint8Array[]): { rule: string; head: Uint8Array | undefined } {
  let rule = '';
  let head: Uint8Array | undefined;
  const parser = new RequestParser(context, policy.headLimits, {
    onRequestHead: () => {},
    onContent: () => {},
    onEndOfMessage: () => {},
    onRejected: (rejection) => {
      rule = rejection.rule;
      head = parser.headSoFar === undefined ? undefined : Buffer.from(parser.headSoFar);
    },
  });
  for (const piece of pieces) {
    parser.receive(Buffer.from(piece));
    parser.resume();
  }
  parser.free();
  return { rule, head };
}

function ruleOf(bytes: Uint8Array): string {
  const [explanation] = explain(bytes, policy, arriving, context);
  return explanation?.rejection?.rule ?? explanation?.verdict ?? '';
}
