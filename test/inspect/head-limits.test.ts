import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ParserLimits, RequestParser } from '../../src/http1/request-parser.ts';
import { Inspection, inspect, inspectForm } from '../../src/inspect/inspect.ts';
import type { RuleId } from '../../src/rejection/rules.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { context, defaultLimits } from '../support/parser-events.ts';
import { policyOf } from './inspect-cases.ts';

type Limits = Partial<Pick<ParserLimits, 'lineBytes' | 'fieldBytes' | 'totalFieldBytes' | 'fieldCount'>>;
type LimitCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly request: string;
  readonly limits: Limits;
  readonly rejected?: RuleId;
};

const inspection = new Inspection();

function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** The rule that refuses a head which the parser reads under some limits and the checks measure by others. */
function refusedBy(pieces: readonly Uint8Array[], parserLimits: Limits, checked: Limits): RuleId | undefined {
  let rule: RuleId | undefined;
  const policy = { ...policyOf(checked), checksHeadLimits: true };
  const parser = new RequestParser(
    context,
    { ...defaultLimits, ...parserLimits },
    {
      onRequestHead(head) {
        rule = (inspectForm(head, inspection) ?? inspect(head, policy, inspection))?.rule;
        parser.stop();
      },
      onContent() {},
      onEndOfMessage() {},
      onRejected(rejection) {
        rule = rejection.rule;
      },
    },
  );
  for (const piece of pieces) parser.receive(piece);
  parser.free();
  return rule;
}

describe('the limits of a head whose route has lower ones', () => {
  for (const { behaviour, source, request, limits, rejected } of readCases<LimitCase>(
    'head-limits.cases.json',
    import.meta.url,
  )) {
    it(`${behaviour} (${source})`, () => {
      const bytes = bytesOf(request);
      for (const pieces of [[bytes], byteByByte(bytes)]) {
        assert.equal(refusedBy(pieces, {}, limits), rejected, 'by the checks');
        assert.equal(refusedBy(pieces, limits, {}), rejected, 'by the parser');
      }
    });
  }

  it('are those of the parser: what one refuses the other refuses, and by the same rule where one limit is passed', () => {
    const field = fc
      .tuple(fc.constantFrom('X', 'Abc'), fc.nat(3), fc.nat(6), fc.nat(3))
      .map(([name, before, length, behind]) => {
        return `${name}:${' '.repeat(before)}${'a'.repeat(length)}${'\t'.repeat(behind)}\r\n`;
      });
    const limit = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1000));
    const limits = fc.record({ lineBytes: limit, fieldBytes: limit, totalFieldBytes: limit, fieldCount: limit });
    fc.assert(
      fc.property(fc.nat(20), fc.array(field, { maxLength: 5 }), limits, (length, fields, some) => {
        const bytes = Buffer.from(`GET /${'a'.repeat(length)} HTTP/1.1\r\nHost: a\r\n${fields.join('')}\r\n`);
        const byParser = refusedBy([bytes], some, {});
        const byChecks = refusedBy([bytes], {}, some);
        assert.equal(byChecks === undefined, byParser === undefined, `${byParser}, ${byChecks}`);
        for (const [name, value] of Object.entries(some)) {
          assert.equal(refusedBy([bytes], {}, { [name]: value }), refusedBy([bytes], { [name]: value }, {}));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('are not looked at where the parser has held the head to them', () => {
    assert.equal(policyOf({ lineBytes: 9 }).checksHeadLimits, false);
  });
});
