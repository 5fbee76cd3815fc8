import { closeSync, constants, fchmodSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { previousRequestId } from './request-id.ts';

/**
 * Four bytes that a worker overwrites with the id of a request before it calls the application for it. They are in the
 * kernel's memory once written: however the worker ends, the edge can tell what it had begun (docs/link.md).
 */
export class StartedFile {
  readonly #descriptor: number;
  readonly #bytes = Buffer.alloc(4);

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** The edge's side: a new file that says that nothing has begun. `mode` says who may open it, whatever the umask is. */
  static create(path: string, firstId: number, mode = 0o600): StartedFile {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const descriptor = openSync(path, flags, 0o600);
    fchmodSync(descriptor, mode);
    const file = new StartedFile(descriptor);
    file.publish(previousRequestId(firstId));
    return file;
  }

  /** The worker's side. */
  static open(path: string): StartedFile {
    return new StartedFile(openSync(path, constants.O_RDWR | constants.O_NOFOLLOW));
  }

  publish(id: number): void {
    this.#bytes.writeUInt32LE(id, 0);
    writeSync(this.#descriptor, this.#bytes, 0, 4, 0);
  }

  /** The id begun last; null if the file cannot say. */
  read(): number | null {
    try {
      return readSync(this.#descriptor, this.#bytes, 0, 4, 0) === 4 ? this.#bytes.readUInt32LE(0) : null;
    } catch {
      return null;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Both sides hold it open: the name is not needed any more. */
export function unlinkStartedFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already: the private directory was cleaned.
  }
}
