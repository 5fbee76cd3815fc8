import { formatDuration, formatRate, formatSize } from './quantity.ts';

/** What the schema says of one key of a policy file. Sizes count bytes, durations seconds; all bounds are inclusive. */
export type PolicyKey =
  | { readonly kind: 'object'; readonly keys: readonly string[] }
  | { readonly kind: 'size'; readonly minimum: number; readonly maximum: number }
  | { readonly kind: 'duration'; readonly minimum: number; readonly maximum: number }
  /** Bytes a second; 0: none. */
  | { readonly kind: 'rate'; readonly minimum: number; readonly maximum: number }
  | { readonly kind: 'count'; readonly unit?: string; readonly minimum: number; readonly maximum: number }
  /** `item`: in words, where there are too many values to list. */
  | { readonly kind: 'choice'; readonly item?: string; readonly values: readonly string[] }
  | {
      readonly kind: 'list';
      /** One element in words. */
      readonly item: string;
      /** Empty: not a closed set. */
      readonly values: readonly string[];
      readonly minItems: number;
      readonly maxItems: number;
    }
  /** A list of objects, whose keys are those of the pointer with `/*` behind it. */
  | { readonly kind: 'objects'; readonly item: string; readonly maxItems: number }
  /** An object whose keys are the operator's own. */
  | { readonly kind: 'map'; readonly item: string; readonly maxItems: number }
  /** `item`: in words, where not every text will do. */
  | { readonly kind: 'text'; readonly item?: string; readonly maxLength: number };

/** What may stand at a key, in words that finish the sentence `expected ...`. */
export function expectation(key: PolicyKey): string {
  switch (key.kind) {
    case 'object':
      return `an object with ${knownKeys(key.keys)}`;
    case 'size':
      return `a size from ${formatSize(key.minimum)} to ${formatSize(key.maximum)}, as a number of bytes or as "64KiB"`;
    case 'duration':
      return key.minimum === 0
        ? `0 (no deadline) or a duration up to ${formatDuration(key.maximum)}, as a number of seconds or as "10s"`
        : `a duration from ${formatDuration(key.minimum)} to ${formatDuration(key.maximum)}, as a number of seconds or as "10s"`;
    case 'rate':
      return `0 (none) or a rate up to ${formatRate(key.maximum)}, as a number of bytes a second or as "1KiB/s"`;
    case 'count':
      return `a whole number${key.unit === undefined ? '' : ` of ${key.unit}`} from ${key.minimum} to ${key.maximum}`;
    case 'choice':
      return key.item ?? key.values.map((value) => `"${value}"`).join(' or ');
    case 'list':
      return `a list of ${key.minItems} to ${key.maxItems} elements, each ${key.item}`;
    case 'objects':
      return `a list of at most ${key.maxItems} elements, each ${key.item}`;
    case 'map':
      return `an object of at most ${key.maxItems} ${key.item}`;
    case 'text':
      return key.item ?? `a string of at most ${key.maxLength} characters`;
  }
}

/** The key that a pointer leads to in the schema: elements of a list of objects are all alike. */
export function schemaPointer(pointer: string): string {
  return pointer.replace(/\/(routes|tests|rateLimits)\/\d+(?=\/|$)/g, '/$1/*');
}

export function knownKeys(keys: readonly string[]): string {
  return keys.length === 1 ? `the key ${keys[0]}` : `keys among ${keys.join(', ')}`;
}
