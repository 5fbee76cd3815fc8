import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Journal } from '../../bench/lives/journal.ts';
import { readVolume } from '../../bench/lives/volume.ts';

describe('the journal of an application', () => {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'));
  after(() => rmSync(folder, { recursive: true }));

  it('tells who had begun what, whether it was answered, and what was begun twice', () => {
    const file = join(folder, 'journal');
    writeFileSync(file, 'begun 1-0 10\nended 1-0 10\nbegun 1-1 10\nbegun 2-1 11\nbegun 1-1 12\nended 1-1 12\n');
    const journal = new Journal(file);
    assert.deepEqual(journal.begunBy('1-0'), [10]);
    assert.deepEqual(journal.begunBy('9-9'), []);
    assert.equal(journal.hasEnded('2-1'), false);
    assert.equal(journal.hasEnded('1-1'), true);
    assert.deepEqual(journal.repeated, ['1-1']);
  });
});

describe("wrk's report", () => {
  const report = (more: string) =>
    `  1 threads and 8 connections\n  1234 requests in 1.00s, 1MB read\n${more}Requests/sec: 1234\n`;
  const cases = [
    { of: 'a run without failures', more: '', failed: {} },
    {
      of: 'lost connections',
      more: '  Socket errors: connect 1, read 2, write 0, timeout 3\n',
      failed: { 'refused connection': 1, 'closed before the response': 2, 'no answer': 3 },
    },
    { of: 'refusals', more: '  Non-2xx or 3xx responses: 4\n', failed: { 'another status': 4 } },
  ];
  for (const { of, more, failed } of cases) {
    it(`is read of ${of}`, () => assert.deepEqual(readVolume(report(more)), { requests: 1234, failed }));
  }

  it('is not made up where there is none', () => assert.throws(() => readVolume('unable to connect'), /wrk said/));
});
