import { FIRST_HASH, hashByte } from './fnv.ts';
import { partsOf } from './path-pattern.ts';

/**
 * Which rules of a policy are about a path: a trie of segments. At each node the literal segment is tried, then `*`, then
 * what the node says about everything below it, which is the order of specificity. A node stands at one depth, so it is
 * visited at most once a lookup, however the path was chosen.
 */

/** `pattern` has no `patternProblem`. */
export type PathPattern<Value> = { readonly pattern: string; readonly value: Value };

/** Whether a value is wanted, for instance because it is about the method asked for. */
export type Accepts<Value, Wanted> = (value: Value, wanted: Wanted) => boolean;

const SLASH = 0x2f;
const NO_BYTES = new Uint8Array(0);
const ROOT_PATH = Uint8Array.of(SLASH);
const encoder = new TextEncoder();

class PathNode<Value> {
  /** Its own segment; empty for `*` and the root. */
  readonly segment: Uint8Array;
  /** Another literal segment of the same parent and with the same hash. */
  readonly sameHash: PathNode<Value> | undefined;
  literals: Map<number, PathNode<Value>> | undefined;
  any: PathNode<Value> | undefined;
  /** In the order they were given: of the paths that end here, that end here with a slash, and of all that begin so. */
  readonly values: Readonly<Record<'segment' | 'slash' | 'rest', Value[]>> = { segment: [], slash: [], rest: [] };

  constructor(segment: Uint8Array, sameHash: PathNode<Value> | undefined) {
    this.segment = segment;
    this.sameHash = sameHash;
  }
}

export class PathTable<Value extends NonNullable<unknown>> {
  private readonly root = new PathNode<Value>(NO_BYTES, undefined);

  constructor(patterns: readonly PathPattern<Value>[]) {
    for (const { pattern, value } of patterns) {
      const { segments, ending } = partsOf(pattern);
      let node = this.root;
      for (const segment of segments) node = segment === '*' ? anyChild(node) : literalChild(node, segment);
      node.values[ending].push(value);
    }
  }

  /**
   * The first value, from the most specific pattern to the least (`comparePatterns`), that `accepts` takes; `wanted` goes
   * to it, so that no closure has to be made. The path is `bytes[start, end)`, decoded. Slashes in a row count as one,
   * since `//admin` is `/admin` to what lies behind; an empty path is `/` (RFC 9110 section 4.2.3). `*` is no path, and
   * no pattern holds it.
   */
  find<Wanted>(
    bytes: Uint8Array,
    start: number,
    end: number,
    accepts: Accepts<Value, Wanted>,
    wanted: Wanted,
  ): Value | undefined {
    if (start === end) return findBelow(this.root, ROOT_PATH, 0, 1, accepts, wanted);
    if (bytes[start] !== SLASH) return undefined;
    return findBelow(this.root, bytes, start, end, accepts, wanted);
  }
}

/** `at` is where the slash behind the segment of `node` is, or the end of the path. */
function findBelow<Value, Wanted>(
  node: PathNode<Value>,
  bytes: Uint8Array,
  at: number,
  end: number,
  accepts: Accepts<Value, Wanted>,
  wanted: Wanted,
): Value | undefined {
  let segmentStart = at;
  while (segmentStart < end && bytes[segmentStart] === SLASH) segmentStart++;
  const found =
    segmentStart < end
      ? findInChildren(node, bytes, segmentStart, end, accepts, wanted)
      : firstOf(at < end ? node.values.slash : node.values.segment, accepts, wanted);
  return found ?? firstOf(node.values.rest, accepts, wanted);
}

function findInChildren<Value, Wanted>(
  node: PathNode<Value>,
  bytes: Uint8Array,
  start: number,
  end: number,
  accepts: Accepts<Value, Wanted>,
  wanted: Wanted,
): Value | undefined {
  const { literals, any } = node;
  if (literals === undefined && any === undefined) return undefined;
  let hash = FIRST_HASH;
  let segmentEnd = start;
  for (; segmentEnd < end && bytes[segmentEnd] !== SLASH; segmentEnd++) hash = hashByte(hash, bytes[segmentEnd] ?? 0);
  const literal = literals && nodeOf(literals.get(hash), bytes, start, segmentEnd);
  const found = literal && findBelow(literal, bytes, segmentEnd, end, accepts, wanted);
  return found ?? (any && findBelow(any, bytes, segmentEnd, end, accepts, wanted));
}

function firstOf<Value, Wanted>(
  values: readonly Value[],
  accepts: Accepts<Value, Wanted>,
  wanted: Wanted,
): Value | undefined {
  for (const value of values) if (accepts(value, wanted)) return value;
  return undefined;
}

function anyChild<Value>(node: PathNode<Value>): PathNode<Value> {
  node.any ??= new PathNode(NO_BYTES, undefined);
  return node.any;
}

function literalChild<Value>(node: PathNode<Value>, text: string): PathNode<Value> {
  const segment = encoder.encode(text);
  let hash = FIRST_HASH;
  for (const byte of segment) hash = hashByte(hash, byte);
  node.literals ??= new Map();
  const first = node.literals.get(hash);
  const known = nodeOf(first, segment, 0, segment.length);
  if (known !== undefined) return known;
  const child = new PathNode(segment, first);
  node.literals.set(hash, child);
  return child;
}

function nodeOf<Value>(
  first: PathNode<Value> | undefined,
  bytes: Uint8Array,
  start: number,
  end: number,
): PathNode<Value> | undefined {
  for (let node = first; node !== undefined; node = node.sameHash) {
    if (isEqual(node.segment, bytes, start, end)) return node;
  }
  return undefined;
}

function isEqual(segment: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (segment.length !== end - start) return false;
  for (let at = 0; at < segment.length; at++) if (segment[at] !== bytes[start + at]) return false;
  return true;
}
