import { accessSync, constants, statSync } from 'node:fs';
import { SpoolFile } from './spool-file.ts';

/** Where an edge keeps content that memory may not hold, and how much of it there is. */
export class Spool {
  usedBytes = 0;
  readonly directory: string;

  /** `directory` is asked for each file: one that cannot be used now may be mended without a restart. */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** Why no file could be made there now; null: one could, as far as can be seen. */
  get problem(): string | null {
    try {
      if (!statSync(this.directory).isDirectory()) return `${this.directory} is no directory`;
      accessSync(this.directory, constants.W_OK | constants.X_OK);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  open(): SpoolFile {
    return new SpoolFile(this.directory);
  }

  /** False: with `bytes` more there would be more than `maxBytes`. What is taken has to be given back. */
  take(bytes: number, maxBytes: number): boolean {
    if (this.usedBytes + bytes > maxBytes) return false;
    this.usedBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.usedBytes -= bytes;
  }
}
