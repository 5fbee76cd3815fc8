/** A value that `RecentlyUsed` may hold. The fields belong to it. */
export abstract class Used {
  key = '';
  newer: Used | undefined;
  older: Used | undefined;
}

/**
 * A bounded number of values by key; where one too many comes, the one that was not asked for longest is forgotten. Clients
 * choose their keys, so nothing that is counted by key may be without a bound.
 *
 * The order is a list through the values themselves: to ask again, the hot path, writes a few pointers and allocates nothing.
 * The order of the Map would do as well, but its first key is found by walking over all holes that deleted ones have left: some
 * 10 µs, in a flood of keys of all times.
 */
export class RecentlyUsed<Value extends Used> {
  readonly #values = new Map<string, Value>();
  #newest: Used | undefined;
  #oldest: Used | undefined;
  #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#values.size;
  }

  /** The one that was not asked for longest; this is not asking. */
  get oldest(): Value | undefined {
    return this.#oldest === undefined ? undefined : this.#values.get(this.#oldest.key);
  }

  /** From now on the newest one. */
  get(key: string): Value | undefined {
    const value = this.#values.get(key);
    if (value !== undefined && value !== this.#newest) {
      this.#unlink(value);
      this.#link(value);
    }
    return value;
  }

  /** `key` is not there, `value` in no such list. */
  add(key: string, value: Value): void {
    if (this.#values.size >= this.#max) this.#forgetOldest();
    value.key = key;
    this.#values.set(key, value);
    this.#link(value);
  }

  delete(value: Value): void {
    if (this.#values.get(value.key) !== value) return;
    this.#values.delete(value.key);
    this.#unlink(value);
  }

  /** At least 1; where it is fewer than there are, the excess goes now. */
  bound(max: number): void {
    this.#max = max;
    while (this.#values.size > max) this.#forgetOldest();
  }

  values(): IterableIterator<Value> {
    return this.#values.values();
  }

  clear(): void {
    this.#values.clear();
    this.#newest = undefined;
    this.#oldest = undefined;
  }

  #forgetOldest(): void {
    const oldest = this.#oldest;
    if (oldest === undefined) return;
    this.#values.delete(oldest.key);
    this.#unlink(oldest);
  }

  #link(value: Used): void {
    value.older = this.#newest;
    value.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = value;
    else this.#oldest = value;
    this.#newest = value;
  }

  #unlink(value: Used): void {
    if (value.newer !== undefined) value.newer.older = value.older;
    else this.#newest = value.older;
    if (value.older !== undefined) value.older.newer = value.newer;
    else this.#oldest = value.newer;
    value.newer = undefined;
    value.older = undefined;
  }
}
