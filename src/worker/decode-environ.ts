/** Longer keys are a client's invention and not worth remembering. */
const maxKnownKeyBytes = 64;
/** Then all is forgotten: a client that invents keys costs time, never memory. */
const maxKnownKeys = 4096;
/** What environ keys are made of. Others never come, and would not be made into code if they did. */
const plainKey = /^[A-Za-z0-9_.]+$/;
/** Compiling costs as much as some requests: a client that invents keys is not worth it. */
const usesBeforeBuild = 32;
/** Different keys known at one place; one more is looked up the slow way. */
const maxBranches = 32;

/** Makes an environ with its final shape at once, from the values of the pairs and of the constants. */
type Build = (values: readonly string[], constants: readonly unknown[]) => Record<string, unknown>;

/** A key that has been seen after the keys on the way to it. `build` makes environs that have exactly those keys. */
type KnownKey = {
  readonly key: string;
  readonly keyAndNul: Uint8Array;
  readonly path: readonly string[];
  readonly next: KnownKey[];
  uses: number;
  build: Build | null;
};

/**
 * Reads environ blocks: NUL-separated keys and values, each followed by NUL (docs/link.md). Browsers of one kind send the
 * same fields in the same order, so key sequences are remembered in a tree; along it no key has to be made into a string
 * and hashed, and no object has to grow key by key, which together is most of the cost.
 */
export class EnvironDecoder {
  readonly #constants: Readonly<Record<string, unknown>>;
  readonly #constantValues: readonly unknown[];
  readonly #values: string[] = [];
  #root = knownKey('', []);
  #knownKeys = 0;

  /** `constants` are part of every environ. */
  constructor(constants: Readonly<Record<string, unknown>>) {
    this.#constants = constants;
    this.#constantValues = Object.values(constants);
  }

  /** A new object with all pairs; null if the block is malformed (a key without a value, no NUL at the end). */
  decode(bytes: Buffer, start: number, stop: number): Record<string, unknown> | null {
    const block = bytes.toString('latin1', start, stop);
    const values = this.#values;
    let node = this.#root;
    let count = 0;
    for (let at = 0; at < block.length; count++) {
      const known = follow(node, bytes, start + at, stop) ?? this.#learn(node, block, at);
      if (known === null) return this.#decodeSlowly(block);
      const valueStart = at + known.keyAndNul.length;
      const valueEnd = block.indexOf('\0', valueStart);
      if (valueEnd === -1) return null;
      values[count] = block.slice(valueStart, valueEnd);
      at = valueEnd + 1;
      node = known;
    }
    if (node.build !== null) return node.build(values, this.#constantValues);
    node.uses += 1;
    if (node.uses === usesBeforeBuild) node.build = this.#builder(node.path);
    return this.#stored(node.path, values);
  }

  #learn(node: KnownKey, block: string, at: number): KnownKey | null {
    const keyEnd = block.indexOf('\0', at);
    if (keyEnd === -1 || keyEnd - at > maxKnownKeyBytes || node.next.length >= maxBranches) return null;
    if (this.#knownKeys === maxKnownKeys) {
      this.#root = knownKey('', []);
      this.#knownKeys = 0;
    }
    const key = block.slice(at, keyEnd);
    const learnt = knownKey(key, [...node.path, key]);
    node.next.push(learnt);
    this.#knownKeys++;
    return learnt;
  }

  /**
   * An object literal with all keys, compiled (docs/decisions/005). Where code may not be made from strings, values are
   * stored key by key.
   */
  #builder(path: readonly string[]): Build {
    if (!path.every((key) => plainKey.test(key))) return (values) => this.#stored(path, values);
    const constants = Object.keys(this.#constants).map((key, index) => `${JSON.stringify(key)}:c[${index}]`);
    const pairs = path.map((key, index) => `${JSON.stringify(key)}:v[${index}]`);
    try {
      return new Function('v', 'c', `return {${[...constants, ...pairs].join()}}`) as Build;
    } catch {
      return (values) => this.#stored(path, values);
    }
  }

  #stored(path: readonly string[], values: readonly string[]): Record<string, unknown> {
    const environ: Record<string, unknown> = { ...this.#constants };
    for (let index = 0; index < path.length; index++) environ[path[index] ?? ''] = values[index];
    return environ;
  }

  #decodeSlowly(block: string): Record<string, unknown> | null {
    const environ = { ...this.#constants };
    const strings = block.split('\0');
    // What follows the last NUL, which is nothing, is a string too.
    if (strings.length % 2 === 0 || strings.at(-1) !== '') return null;
    for (let index = 0; index + 1 < strings.length; index += 2) environ[strings[index] ?? ''] = strings[index + 1];
    return environ;
  }
}

/** The known key that stands at `at`, NUL included. */
function follow(node: KnownKey, bytes: Buffer, at: number, stop: number): KnownKey | null {
  for (const known of node.next) {
    const { keyAndNul } = known;
    const { length } = keyAndNul;
    if (at + length > stop) continue;
    let same = 0;
    while (same < length && keyAndNul[same] === bytes[at + same]) same++;
    if (same === length) return known;
  }
  return null;
}

function knownKey(key: string, path: readonly string[]): KnownKey {
  return { key, keyAndNul: Buffer.from(`${key}\0`, 'latin1'), path, next: [], uses: 0, build: null };
}
