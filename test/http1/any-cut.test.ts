import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytesOf } from '../support/cases.ts';
import { events, transcript } from '../support/parser-events.ts';
import { expectedOf, optionsOf, parserCaseFiles, parserCases } from './parser-cases.ts';

/** Where the reads of a connection end is up to the network: no event may depend on it. */
const rows = parserCaseFiles.flatMap((file) => parserCases(file));

/** The same bytes as reads; `cuts` are positions as parts of the whole. */
function piecesAt(bytes: Buffer, cuts: readonly number[]): Uint8Array[] {
  const positions = [...new Set(cuts.map((part) => Math.floor(part * bytes.length)))].sort((a, b) => a - b);
  return [0, ...positions].map((start, index) => bytes.subarray(start, positions[index] ?? bytes.length));
}

const someCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 6 });

describe('bytes cut anywhere', () => {
  it('give the events that each case wants', () => {
    fc.assert(
      fc.property(fc.constantFrom(...rows), someCuts, (row, cuts) => {
        const seen = events(piecesAt(bytesOf(row.request), cuts), optionsOf(row));
        assert.deepEqual(transcript(seen), expectedOf(row));
      }),
      { numRuns: 3000 },
    );
  });

  it('give the same events where cases are put together at random', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(
          '\r\n',
          '\n',
          '\r',
          ' ',
          '\t',
          ':',
          ';',
          '\0',
          '0\r\n\r\n',
          '5\r\nhello\r\n',
          'hello',
          'Host: a',
        ),
        fc.constantFrom(
          'GET / HTTP/1.1\r\n',
          'POST / HTTP/1.1\r\nHost: a\r\n',
          'Transfer-Encoding: chunked\r\n',
          'X: y',
        ),
        fc.constantFrom('Content-Length: 5\r\n', 'Content-Length: ', 'Connection: close\r\n', 'Upgrade: h2c\r\n', ' b'),
        fc.constantFrom(...rows.map((row) => row.request).filter((request) => !request.includes('*'))),
        fc.string({ maxLength: 3 }),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(pieces, someCuts, fc.boolean(), (texts, cuts, peerEnds) => {
        const bytes = Buffer.from(texts.join(''), 'latin1');
        assert.deepEqual(events(piecesAt(bytes, cuts), { peerEnds }), events([bytes], { peerEnds }));
      }),
      { numRuns: 3000 },
    );
  });

  it('give one rejection at most, as the last event', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), someCuts, (bytes, cuts) => {
        const kinds = events(piecesAt(Buffer.from(bytes), cuts), { peerEnds: true }).map(({ type }) => type);
        const at = kinds.indexOf('rejected');
        assert.ok(at === -1 || at === kinds.length - 1, kinds.join());
      }),
      { numRuns: 2000 },
    );
  });
});
