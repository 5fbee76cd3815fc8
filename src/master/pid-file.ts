import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

/** The file cannot be had. `message` is one paragraph for the operator. */
export class PidFileError extends Error {
  override readonly name = 'PidFileError';
}

export type Owner = { readonly uid: number; readonly gid: number };

/** Readable by all: those who watch over services run as other users. */
const mode = 0o644;

/**
 * The file that says which process is the master. It appears whole or not at all, never through a symbolic link, and never in
 * place of a file that names a master that lives.
 *
 * An upgrade renames it (`FILE.oldbin`) and lets the new program write `FILE`, or has that one write `FILE.2` and renames it
 * when the old one is gone; either way `unlink` removes only what still holds our own number.
 */
export class PidFile {
  #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** `owner` is whom this process is about to become. Throws `PidFileError`. */
  static create(path: string, owner: Owner | null = null): PidFile {
    const fresh = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      writeNew(fresh, `${process.pid}\n`, owner);
      takePlace(fresh, path);
    } catch (error) {
      if (error instanceof PidFileError) throw error;
      throw new PidFileError(`Cannot write the pid file ${path}: ${reasonOf(error)}.`);
    } finally {
      removeQuietly(fresh);
    }
    return new PidFile(path);
  }

  get path(): string {
    return this.#path;
  }

  /** Whatever is at the new path is replaced: it is for names that belong to this master. Throws `PidFileError`. */
  rename(path: string): void {
    if (!this.#isOurs()) throw new PidFileError(`The pid file ${this.#path} is not ours any more.`);
    try {
      renameSync(this.#path, path);
      this.#path = path;
    } catch (error) {
      throw new PidFileError(`Cannot rename the pid file ${this.#path} to ${path}: ${reasonOf(error)}.`);
    }
  }

  /**
   * In a directory of root's, a master that is no longer root can only empty it. An empty file is one that the next start
   * replaces.
   */
  unlink(): void {
    if (!this.#isOurs()) return;
    try {
      unlinkSync(this.#path);
    } catch {
      empty(this.#path);
    }
  }

  #isOurs(): boolean {
    return pidIn(this.#path) === process.pid;
  }
}

/** A file that is there stays, unless nobody needs it any more. `link` and not `rename`, so that of two starts one loses. */
function takePlace(fresh: string, path: string): void {
  try {
    linkSync(fresh, path);
    return;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  if (!lstatSync(path).isFile()) throw new PidFileError(`Cannot write the pid file ${path}: it is no ordinary file.`);
  const pid = pidIn(path);
  if (pid !== null && pid !== process.pid && isMaster(pid)) {
    throw new PidFileError(`Already running on PID ${pid} (or pid file '${path}' is stale)`);
  }
  renameSync(fresh, path);
}

/** Null for a file that holds no number: a start that was cut off, or an end that could not remove it. */
function pidIn(path: string): number | null {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const text = readFileSync(descriptor, 'latin1').trim();
      return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

/** Numbers are used again: after a crash or a reboot the one in the file may be of any program. */
function isMaster(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's, but it lives.
    if (codeOf(error) === 'ESRCH') return false;
  }
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return commandLine.startsWith('portcullis: master') || /\0\S*(?:portcullis|cli\.[jt]s)\0/.test(commandLine);
  } catch {
    // No /proc, or hidden from us: in doubt it is one.
    return true;
  }
}

function writeNew(path: string, text: string, owner: Owner | null): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const descriptor = openSync(path, flags, mode);
  try {
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
  if (owner !== null) chownSync(path, owner.uid, owner.gid);
}

function empty(path: string): void {
  try {
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
    ftruncateSync(descriptor);
    closeSync(descriptor);
  } catch {
    // It names a process that is gone: stale to whoever reads it next.
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Renamed, or never written.
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function reasonOf(error: unknown): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'its directory does not exist',
    EACCES: 'its directory is not writable for this user',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
  };
  const code = codeOf(error);
  return code === undefined ? String(error) : `${reasons[code] ?? code} (${code})`;
}
