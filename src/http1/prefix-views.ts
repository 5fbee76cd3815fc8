/** Lengths up to here have their view kept: most heads and environs. */
const KEPT_LENGTHS = 4096;

/**
 * Views of the beginning of one buffer that is used again and again. Making a view costs as much as copying a hundred
 * bytes, and one client's requests have the same few lengths: each length's view is made once.
 */
export class PrefixViews<T extends Uint8Array> {
  readonly bytes: T;
  private readonly views: (T | undefined)[] = [];

  constructor(bytes: T) {
    this.bytes = bytes;
  }

  /** `bytes[0, length)`. */
  of(length: number): T {
    if (length > KEPT_LENGTHS) return this.bytes.subarray(0, length) as T;
    let view = this.views[length];
    if (view === undefined) {
      view = this.bytes.subarray(0, length) as T;
      this.views[length] = view;
    }
    return view;
  }
}
