import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { excerpt } from '../policy/excerpt.ts';
import { systemProblem } from '../policy/read.ts';
import { UsageError } from './usage-error.ts';

/** Recordings are rotated far below; it bounds the memory for what is neither a request nor a recording. */
const maxInputBytes = 64 * 1024 * 1024;

/** What stands for the standard input in place of a file. */
const standardInput = '-';

/** The bytes of a file, of a pipe (`<(printf ...)`), or of the standard input. Throws `UsageError`. */
export async function readInput(path: string, stdin: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of path === standardInput ? stdin : createReadStream(path)) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxInputBytes) break;
    }
  } catch (error) {
    throw new UsageError(`${inputName(path)}: ${systemProblem(error)}`);
  }
  if (length > maxInputBytes) throw new UsageError(`${inputName(path)}: larger than ${maxInputBytes} bytes`);
  return Buffer.concat(chunks);
}

export function inputName(path: string): string {
  return path === standardInput ? 'standard input' : excerpt(path, 200);
}
