import { close, closeSync, constants, fchownSync, fstat, open, openSync, type Stats, write } from 'node:fs';
import { promisify } from 'node:util';
import { reasonOf } from './failure-reason.ts';
import { countLines, type LineTarget, type Loss } from './line-queue.ts';
import { wholeLines } from './whole-lines.ts';

/**
 * Links are followed, unlike those of recordings and pid files: the operator names a log, and names /dev/stdout or a link to
 * a larger disk. Several processes append to one file, each batch with one write, so that lines never mix. O_NONBLOCK is for
 * pipes and terminals: what waits for their reader is a timer, not a thread that could not be ended.
 */
const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
const OPEN_FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
/** Its group reads: those who look after logs seldom are the server. */
const MODE = 0o640;
/** Until the reader of a pipe may have made room. */
const RETRY_MS = 10;
const LF = 0x0a;

const openFile = promisify(open);
const statFile = promisify(fstat);

/** Whose a log has to be that is opened again by processes which are no longer root. */
export type FileOwner = { readonly uid: number; readonly gid: number };

/** Makes the file where there is none. Throws what is in the way. */
export function prepareLogFile(path: string, owner: FileOwner | null = null): void {
  const descriptor = openSync(path, OPEN_FLAGS, MODE);
  try {
    if (owner !== null) fchownSync(descriptor, owner.uid, owner.gid);
  } finally {
    closeSync(descriptor);
  }
}

export class LogFile implements LineTarget {
  /** Null: the descriptor was given, and nobody can open it anew. */
  readonly #path: string | null;
  #descriptor: number | null;
  #isRegular = true;
  /** A disk that was full has taken half a line. */
  #isTorn = false;

  constructor(file: { readonly path: string } | { readonly descriptor: number }) {
    this.#path = 'path' in file ? file.path : null;
    this.#descriptor = 'path' in file ? null : file.descriptor;
  }

  async append(lines: Buffer): Promise<Loss | null> {
    if (this.#descriptor === null) {
      const problem = await this.reopen();
      if (problem !== null) return { lines: countLines(lines), reason: problem };
    }
    const bytes = this.#isTorn ? Buffer.concat([Buffer.of(LF), lines]) : lines;
    let written = 0;
    for (const piece of this.#isRegular ? [bytes] : wholeLines(bytes)) {
      const { length, problem } = await this.#writeAll(piece);
      written += length;
      if (problem === null) continue;
      this.#isTorn = written > 0 ? bytes[written - 1] !== LF : this.#isTorn;
      return { lines: countLines(written === 0 ? lines : bytes.subarray(written)), reason: problem };
    }
    this.#isTorn = false;
    return null;
  }

  async reopen(): Promise<string | null> {
    if (this.#path === null) return null;
    try {
      const descriptor = await openFile(this.#path, OPEN_FLAGS, MODE);
      const stats: Stats = await statFile(descriptor);
      this.close();
      this.#descriptor = descriptor;
      this.#isRegular = stats.isFile();
      this.#isTorn = false;
      return null;
    } catch (error) {
      return reasonOf(error);
    }
  }

  close(): void {
    if (this.#path === null || this.#descriptor === null) return;
    close(this.#descriptor, () => {});
    this.#descriptor = null;
  }

  /** One write takes all of it, but where there is no room: then the next one says what is wrong. */
  async #writeAll(bytes: Buffer): Promise<{ readonly length: number; readonly problem: string | null }> {
    let length = 0;
    while (length < bytes.length) {
      const outcome = await writeOnce(this.#descriptor ?? -1, bytes.subarray(length));
      if (typeof outcome === 'number') length += outcome;
      else if (outcome === 'EAGAIN') await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      else return { length, problem: outcome };
    }
    return { length, problem: null };
  }
}

/** The number of bytes, or why there are none. */
function writeOnce(descriptor: number, bytes: Buffer): Promise<number | string> {
  return new Promise((resolve) => {
    write(descriptor, bytes, 0, bytes.length, null, (error, length) =>
      resolve(error === null ? length : reasonOf(error)),
    );
  });
}
