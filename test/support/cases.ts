import { readFileSync } from 'node:fs';

/** Rows of a case file that lies beside its test. The caller names their shape: they are ours, not input. */
export function readCases<Row>(name: string, testUrl: string): readonly Row[] {
  return JSON.parse(readFileSync(new URL(name, testUrl), 'utf8')) as readonly Row[];
}

/**
 * The bytes of a row, latin1. `{text*count}` repeats, so that rows stay readable: `GET /{a*5000}`. A brace that begins no
 * such thing stands for itself.
 */
export function bytesOf(text: string): Buffer {
  return Buffer.from(expand(text), 'latin1');
}

export function expand(text: string): string {
  return text.replace(/\{([^{}]*)\*(\d+)\}/g, (_, repeated: string, count: string) => repeated.repeat(Number(count)));
}
