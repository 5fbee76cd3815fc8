import { readFileSync } from 'node:fs';
import { expand } from '../../src/rejection/example-bytes.ts';

/** Rows of a case file that lies beside its test. The caller names their shape: they are ours, not input. */
export function readCases<Row>(name: string, testUrl: string): readonly Row[] {
  return JSON.parse(readFileSync(new URL(name, testUrl), 'utf8')) as readonly Row[];
}

/** The bytes of a row, written as `expand` says. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(expand(text), 'latin1');
}
