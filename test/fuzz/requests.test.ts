import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readControl } from '../../fuzz/control.ts';
import { fuzz as fuzzEnviron } from '../../fuzz/environ.fuzz.ts';
import { readRequests } from '../../fuzz/reading.ts';
import { finish, fuzz as fuzzRequestParser } from '../../fuzz/request-parser.fuzz.ts';
import { connections, grammarMade } from '../../fuzz/seeds/grammar.ts';

/** A fixed seed as a gate, and another one each time, which a failure prints. */
const runs = [
  { what: 'always the same ones', options: { seed: 20261124, numRuns: 3000 } },
  { what: 'other ones each time', options: { numRuns: 3000 } },
];

describe('requests made after the grammar', () => {
  for (const { what, options } of runs) {
    it(`hold to the invariants of the request parser: ${what}`, () => {
      fc.assert(fc.property(connections, fuzzRequestParser), options);
      finish();
    });

    it(`hold to the invariants of the environ: ${what}`, () => {
      fc.assert(fc.property(connections, fuzzEnviron), options);
    });
  }

  it('are accepted and refused in good part', () => {
    const readings = grammarMade(1000).map((data) => {
      const input = readControl(data);
      assert.ok(input !== undefined);
      return readRequests([input.bytes], input.control);
    });
    const accepted = readings.filter(({ messages }) => messages.length > 0).length;
    const refused = readings.filter(({ end }) => end === 'refused').length;
    assert.ok(accepted > 200 && refused > 200, `${accepted} accepted, ${refused} refused`);
  });
});
