import { randomUUID } from 'node:crypto';
import { close, constants, open, read, unlink, writev } from 'node:fs';
import { join } from 'node:path';

/** Linux: a file that never has a name. Node does not list the flag (DESIGN section 8). */
const O_TMPFILE = 0o20200000;
const OWNER_ONLY = 0o600;
/** What a file system, a kernel or a system says that has no such files. */
const noTmpfile: ReadonlySet<string | undefined> = new Set(['EOPNOTSUPP', 'EISDIR', 'ENOENT', 'EINVAL', 'ENOTSUP']);

type Failure = NodeJS.ErrnoException | null;

/**
 * A file without a name: it is gone with its descriptor, however the process ends. One operation at a time; a close waits for
 * the one that runs, since the descriptor of a closed file may be another file's already.
 */
export class SpoolFile {
  private readonly directory: string;
  private descriptor = -1;
  private length = 0;
  private isBusy = false;
  private isClosed = false;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** `pieces`, none of them empty, belong to the file until `done`, which does not come after `close`. */
  append(pieces: readonly Uint8Array[], done: (failure: Failure) => void): void {
    this.isBusy = true;
    if (this.descriptor >= 0) return this.write(pieces, done);
    openUnnamed(this.directory, (failure, descriptor) => {
      if (failure !== null) return this.finish(() => done(failure));
      this.descriptor = descriptor;
      if (this.isClosed) return this.finish(() => {});
      this.write(pieces, done);
    });
  }

  /** At most `most` bytes from `position` on; at least one where there are any. */
  read(position: number, most: number, done: (failure: Failure, bytes: Uint8Array) => void): void {
    this.isBusy = true;
    const buffer = Buffer.allocUnsafeSlow(Math.min(most, this.length - position));
    read(this.descriptor, buffer, 0, buffer.length, position, (failure, count) =>
      this.finish(() => done(failure, buffer.subarray(0, count))),
    );
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (!this.isBusy) this.closeDescriptor();
  }

  private write(pieces: readonly Uint8Array[], done: (failure: Failure) => void): void {
    writev(this.descriptor, pieces, this.length, (failure, count) => {
      this.length += count ?? 0;
      // A disk that is nearly full takes a part first and says so with the next call.
      const rest = failure === null && !this.isClosed ? behind(pieces, count) : [];
      if (rest.length > 0) return this.write(rest, done);
      this.finish(() => done(failure));
    });
  }

  private finish(then: () => void): void {
    this.isBusy = false;
    if (this.isClosed) this.closeDescriptor();
    else then();
  }

  /** A fault while closing loses nothing: what the file held has been read, or nobody wants it. */
  private closeDescriptor(): void {
    if (this.descriptor >= 0) close(this.descriptor, () => {});
    this.descriptor = -1;
  }
}

function behind(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  return pieces.flatMap((piece) => {
    const rest = piece.subarray(Math.min(left, piece.length));
    left -= piece.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
}

function openUnnamed(directory: string, done: (failure: Failure, descriptor: number) => void): void {
  open(directory, O_TMPFILE | constants.O_RDWR, OWNER_ONLY, (failure, descriptor) => {
    if (failure !== null && noTmpfile.has(failure.code)) openUnlinked(directory, done);
    else done(failure, descriptor);
  });
}

/** Elsewhere than on Linux, and on file systems such as NFS: its name lives for as long as two calls take. */
function openUnlinked(directory: string, done: (failure: Failure, descriptor: number) => void): void {
  const path = join(directory, `portcullis-${randomUUID()}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  open(path, flags, OWNER_ONLY, (failure, descriptor) => {
    if (failure !== null) return done(failure, descriptor);
    unlink(path, (fault) => {
      if (fault === null) return done(null, descriptor);
      close(descriptor, () => done(fault, -1));
    });
  });
}
