import { accessSync, constants, lstatSync, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A file of lines that several processes append to, bounded: FILE, and FILE.1 with what was there before it. Appended with
 * O_APPEND, one write a batch, so lines of two writers never mix; whoever finds FILE full moves it away. Reasons and the
 * alternatives refused: docs/decisions/011-recording.md.
 */
const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
const OPEN_FLAGS = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
const ONLY_OWNER = 0o600;
const LF = 0x0a;
/** A writer that died while it moved the file away is not waited for beyond so much more than a full file. */
const PATIENCE = 1.25;

/** What of the file is wrong in the eyes of an operator; a system error is as it comes. */
export class RecordFileError extends Error {
  override readonly name = 'RecordFileError';
}

/** Why lines cannot be recorded there, found without making a file; undefined: nothing is in the way. */
export function recordFileFault(path: string): string | undefined {
  try {
    const existing = lstatSync(path, { throwIfNoEntry: false });
    const fault = existing === undefined ? undefined : faultOf(existing);
    if (fault === undefined) accessSync(existing === undefined ? dirname(path) : path, constants.W_OK);
    return fault;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 'its folder does not exist';
    return error instanceof Error ? error.message : String(error);
  }
}

function faultOf(file: Stats): string | undefined {
  if (file.isSymbolicLink()) return 'it is a symbolic link';
  if (!file.isFile()) return 'it is not a regular file';
  return file.uid === process.geteuid?.() ? undefined : 'it belongs to another user';
}

export class RecordFile {
  readonly #path: string;
  readonly #segmentBytes: number;
  #file: FileHandle | undefined;

  /** Both segments together hold at most `maxBytes`, and what the batches of other writers add in the meantime. */
  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#segmentBytes = Math.floor(maxBytes / 2);
  }

  /** Whole lines; at most half of the bound. Not to be called again before it is settled. */
  async append(lines: Buffer): Promise<void> {
    if (lines.length > this.#segmentBytes) throw new RecordFileError('more at once than it may hold');
    try {
      let file = await this.#current();
      const { size } = await file.stat();
      if (size > 0 && size + lines.length > this.#segmentBytes) {
        await this.#moveAway(file, size);
        file = await this.#current();
      }
      await appendTo(file, lines);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }

  /** The file that has the name now: others move it away, and so does whoever rotates logs. */
  async #current(): Promise<FileHandle> {
    if (this.#file !== undefined) {
      const [ours, named] = await Promise.all([this.#file.stat(), lstatIfAny(this.#path)]);
      if (named !== undefined && isSame(ours, named)) return this.#file;
      await this.close();
    }
    const file = await open(this.#path, OPEN_FLAGS, ONLY_OWNER);
    this.#file = file;
    const fault = faultOf(await file.stat());
    if (fault !== undefined) throw new RecordFileError(fault);
    await file.chmod(ONLY_OWNER);
    return file;
  }

  /**
   * A second link to the full file is the claim to move it: only one process can make it. Then a new file takes the name, and
   * the claim becomes FILE.1. Who comes second writes on into the old file.
   */
  async #moveAway(full: FileHandle, size: number): Promise<void> {
    const claim = `${this.#path}.full`;
    const begun = `${this.#path}.new`;
    if (!(await this.#claim(claim, size))) return;
    if (!isSame(await full.stat(), await lstat(claim))) return rm(claim, { force: true });
    await rm(begun, { force: true });
    const next = await open(begun, OPEN_FLAGS | O_EXCL, ONLY_OWNER);
    await next.close();
    await rename(begun, this.#path);
    await rename(claim, `${this.#path}.1`);
  }

  async #claim(claim: string, size: number): Promise<boolean> {
    if (size > this.#segmentBytes * PATIENCE) await rm(claim, { force: true });
    try {
      await link(this.#path, claim);
      return true;
    } catch (error) {
      if (size <= this.#segmentBytes * PATIENCE && isSystemError(error, 'EEXIST')) return false;
      throw error;
    }
  }
}

/** A writer that was killed, or a disk that was full, may have left half a line: nothing is glued to that. */
async function appendTo(file: FileHandle, lines: Buffer): Promise<void> {
  const { size } = await file.stat();
  const last = Buffer.alloc(1);
  if (size > 0) await file.read(last, 0, 1, size - 1);
  const isTorn = size > 0 && last[0] !== LF;
  const bytes = isTorn ? Buffer.concat([Buffer.of(LF), lines]) : lines;
  const { bytesWritten } = await file.write(bytes);
  if (bytesWritten < bytes.length) await file.write(bytes, bytesWritten);
}

async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
