import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { PolicyError } from './mistake.ts';

/** A policy of ten thousand hosts has 300 kB. What is larger was not written as a policy. */
export const maxFileBytes = 1024 * 1024;

const systemErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  ELOOP: 'too many symbolic links',
  EISDIR: 'this is a directory',
  ENAMETOOLONG: 'the name is too long',
};

/** The path with all links resolved. Throws `PolicyError` if it leads nowhere. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw unreadable(path, systemProblem(error));
  }
}

/** The bytes of a policy file. Throws `PolicyError` if it cannot be read, is no regular file, or is too large. */
export function readPolicyFile(path: string): Uint8Array {
  return readRegularFile(path, 0);
}

/** The same of a path that `realPathOf` gave and somebody has approved: a link that took its place since is not followed. */
export function readRealFile(path: string): Uint8Array {
  return readRegularFile(path, constants.O_NOFOLLOW);
}

function readRegularFile(path: string, flags: number): Uint8Array {
  let descriptor: number | undefined;
  try {
    // Without O_NONBLOCK, the open of a named pipe would wait for a writer for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    const file = fstatSync(descriptor);
    if (file.isDirectory()) throw unreadable(path, 'this is a directory, not a policy file');
    if (!file.isFile()) throw unreadable(path, 'this is not a regular file');
    return readAtMost(descriptor, path);
  } catch (error) {
    if (error instanceof PolicyError) throw error;
    throw unreadable(path, systemProblem(error));
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Trusts no size that the file system declares: a file may grow, and those of /proc say 0. */
function readAtMost(descriptor: number, path: string): Uint8Array {
  const buffer = Buffer.alloc(maxFileBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const received = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (received === 0) return buffer.subarray(0, length);
    length += received;
  }
  throw unreadable(path, `larger than ${maxFileBytes} bytes, which no policy is`);
}

/** What the file system said, in words. */
export function systemProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return systemErrors[code] ?? `it cannot be read (${code})`;
}

function unreadable(path: string, problem: string): PolicyError {
  return new PolicyError(path, [{ position: null, pointer: '', problem }]);
}
