/** Longer keys are a client's invention and not worth remembering. */
const maxKnownKeyBytes = 64;
/** Then all is forgotten: a client that invents keys costs time, never memory. */
const maxKnownKeys = 4096;
/** Different keys known at one place; one more is looked up the slow way. */
const maxBranches = 32;

/**
 * A key that has been seen after the keys on the way to it. `template` has exactly those keys, so that an environ can be
 * cloned from it with its final shape.
 */
type KnownKey = {
  readonly key: string;
  readonly keyAndNul: Uint8Array;
  readonly path: readonly string[];
  readonly next: KnownKey[];
  template: Record<string, unknown> | null;
};

/**
 * Reads environ blocks: NUL-separated keys and values, each followed by NUL (docs/link.md). Browsers of one kind send the
 * same fields in the same order, so key sequences are remembered in a tree; along it no key has to be made into a string
 * and hashed, and no object has to grow key by key, which together is most of the cost.
 */
export class EnvironDecoder {
  readonly #constants: Readonly<Record<string, unknown>>;
  readonly #values: string[] = [];
  #root = knownKey('', []);
  #knownKeys = 0;

  /** `constants` are part of every environ. */
  constructor(constants: Readonly<Record<string, unknown>>) {
    this.#constants = constants;
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
    node.template ??= this.#template(node.path);
    const environ = { ...node.template };
    const { path } = node;
    for (let index = 0; index < count; index++) environ[path[index] ?? ''] = values[index];
    return environ;
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

  /** Made by JSON.parse, which knows all keys at once: an object that grew would be slow to clone. */
  #template(path: readonly string[]): Record<string, unknown> {
    const keys = [...Object.keys(this.#constants), ...path];
    const template = JSON.parse(`{${keys.map((key) => `${JSON.stringify(key)}:""`).join()}}`) as Record<
      string,
      unknown
    >;
    return Object.assign(template, this.#constants);
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
  return { key, keyAndNul: Buffer.from(`${key}\0`, 'latin1'), path, next: [], template: null };
}
