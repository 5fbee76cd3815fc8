import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ParserLimits } from '../../src/http1/request-parser.ts';
import { expand } from '../../src/rejection/example-bytes.ts';
import type { RuleId } from '../../src/rejection/rules.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { byteByByte, events, type ReadOptions, transcript } from '../support/parser-events.ts';

/** One row of a case file of the parser. */
export type ParserCase = {
  readonly behaviour: string;
  readonly source: string;
  /** Bytes as latin1; `{a*5000}` repeats. */
  readonly request: string;
  /** The rule that ends it; left out where nothing is refused. */
  readonly rejected?: RuleId;
  /** What is told before that, as `transcript` writes it; nothing where it is left out. */
  readonly seen?: readonly string[];
  readonly fields?: readonly (readonly [string, string])[];
  readonly limits?: Partial<ParserLimits>;
  /** The peer ends its side behind these bytes. */
  readonly peerEnds?: true;
};

/** All case files of the parser, for the tests that turn every row about. */
export const parserCaseFiles = [
  'request-line.cases.json',
  'field-section.cases.json',
  'message-framing.cases.json',
  'chunked-content.cases.json',
  'connection.cases.json',
  'head-limits.cases.json',
] as const;

export function parserCases(file: string): readonly ParserCase[] {
  return readCases<ParserCase>(file, import.meta.url);
}

export function optionsOf({ limits, peerEnds }: ParserCase): ReadOptions {
  return { limits: limits ?? {}, peerEnds: peerEnds === true };
}

/** What a row wants to be seen. */
export function expectedOf({ seen, rejected }: ParserCase): string[] {
  const told = (seen ?? []).map(expand);
  return rejected === undefined ? told : [...told, `rejected: ${rejected}`];
}

/** Every row, read whole and byte by byte. */
export function testParserCases(file: string): void {
  for (const row of parserCases(file)) {
    it(`${row.behaviour} (${row.source})`, () => {
      const bytes = bytesOf(row.request);
      for (const pieces of [[bytes], byteByByte(bytes)]) {
        const seen = events(pieces, optionsOf(row));
        assert.deepEqual(transcript(seen), expectedOf(row));
        if (row.fields === undefined) continue;
        const head = seen.find((event) => event.type === 'head');
        assert.deepEqual(head?.fields, expandAll(row.fields));
      }
    });
  }
}

function expandAll(fields: readonly (readonly [string, string])[]): string[][] {
  return fields.map((field) => field.map(expand));
}
