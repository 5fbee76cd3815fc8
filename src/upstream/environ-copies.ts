const copyBytes = 2048;
const keptCopies = 512;

/**
 * Copies of environs, which live from dispatch to the worker's first answer. Nearly all fit in one size, so their memory
 * is used again: an allocation of its own costs more than the rest of a dispatch.
 */
export class EnvironCopies {
  readonly #free: Buffer[] = [];

  /** At least as long as `environ`. */
  take(environ: Uint8Array): Buffer {
    const copy =
      environ.length > copyBytes
        ? Buffer.allocUnsafeSlow(environ.length)
        : (this.#free.pop() ?? Buffer.allocUnsafeSlow(copyBytes));
    copy.set(environ);
    return copy;
  }

  giveBack(copy: Buffer): void {
    if (copy.length === copyBytes && this.#free.length < keptCopies) this.#free.push(copy);
  }
}
