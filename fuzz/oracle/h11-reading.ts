import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Reading } from '../reading.ts';

/** The system's Python, whose package python3-h11 is. */
const python = '/usr/bin/python3';
const script = fileURLToPath(new URL('h11-readings.py', import.meta.url));

type Line = {
  readonly messages: readonly [string, string, number, [string, string][], string][];
  readonly end: Reading['end'];
};

/** How h11 reads each input, in one process of its own. Throws where that fails. */
export function h11Readings(inputs: readonly Uint8Array[]): readonly Reading[] {
  const framed = inputs.flatMap((bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  const { status, stdout, stderr, error } = spawnSync(python, [script], {
    input: Buffer.concat(framed),
    maxBuffer: 1 << 30,
    encoding: 'latin1',
  });
  if (error !== undefined || status !== 0) throw new Error(`h11 could not be asked: ${error ?? stderr}`);
  const lines = stdout.trimEnd().split('\n');
  if (lines.length !== inputs.length) throw new Error(`h11 answered ${lines.length} of ${inputs.length}`);
  return lines.map((line) => {
    const { messages, end } = JSON.parse(line) as Line;
    return {
      end,
      messages: messages.map(([method, target, minorVersion, fields, content]) => ({
        ...{ method, target, minorVersion, fields, content },
      })),
    };
  });
}
