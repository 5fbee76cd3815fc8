import { SpoolFile } from './spool-file.ts';

/** Where an edge keeps content that memory may not hold, and how much of it there is. */
export class Spool {
  usedBytes = 0;
  readonly directory: string;

  /** `directory` has to be one that this process may write to; it is looked at when the first file is needed. */
  constructor(directory: string) {
    this.directory = directory;
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
