const FIRST_BYTES = 1024;
const BLOCK_BYTES = 16384;

/**
 * Bytes that wait in memory, first in, first out. They are in blocks, so that nothing is copied twice, nothing old waits for the
 * garbage collector, and what is allocated is at most one block more than what is there, however small the pieces.
 */
export class HeldBlocks {
  length = 0;
  allocatedBytes = 0;
  private blocks: Buffer[] = [];
  /** Of the first block, what has been taken; of the last one, what is filled. */
  private taken = 0;
  private filled = 0;

  append(piece: Uint8Array): void {
    this.length += piece.length;
    for (let at = 0; at < piece.length; ) {
      const last = this.blocks.at(-1);
      if (last === undefined || this.filled === last.length) {
        this.add(last === undefined && piece.length <= FIRST_BYTES ? FIRST_BYTES : BLOCK_BYTES);
        continue;
      }
      const part = piece.subarray(at, at + last.length - this.filled);
      last.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
    }
  }

  /** The next bytes, at most `most`; fewer where a block ends. Valid for good. */
  take(most: number): Uint8Array {
    const first = this.blocks[0];
    if (first === undefined) return new Uint8Array(0);
    const end = this.blocks.length === 1 ? this.filled : first.length;
    const bytes = first.subarray(this.taken, Math.min(end, this.taken + most));
    this.taken += bytes.length;
    this.length -= bytes.length;
    if (this.taken === end) this.dropFirst(first);
    return bytes;
  }

  /** All that is here, in order. */
  takeAll(): readonly Uint8Array[] {
    const all: Uint8Array[] = [];
    while (this.length > 0) all.push(this.take(this.length));
    return all;
  }

  private add(bytes: number): void {
    this.blocks.push(Buffer.allocUnsafeSlow(bytes));
    this.allocatedBytes += bytes;
    this.filled = 0;
  }

  private dropFirst(first: Buffer): void {
    this.blocks.shift();
    this.allocatedBytes -= first.length;
    this.taken = 0;
    if (this.blocks.length === 0) this.filled = 0;
  }
}
