import { createHash } from 'node:crypto';
import type { RequestHead } from '../http1/request-head.ts';
import type { LimitInForce } from './limit-in-force.ts';
import { RecentlyUsed, Used } from './recently-used.ts';

/** The one key of a limit that counts all its requests together. */
const EVERYBODY = '*';
const DIGEST_DIGITS = 32;
/** A hash takes a microsecond or two; values that come again and again, such as an API key, take a look-up. */
const cachedDigests = 1024;
/** What is longer is hashed each time, so that the cache stays below a megabyte. */
const longestCachedValue = 256;

/** Under which key of a limit a request counts. */
export class RequestKeys {
  readonly #digests = new RecentlyUsed<Digest>(cachedDigests);

  /**
   * Null: it is not counted, because nobody knows whose it is. `client` is a `clientKey`; null where there is none, as on a
   * Unix socket. A request without the field that a limit is keyed by counts by its client.
   */
  keyFor(limit: LimitInForce, head: RequestHead, client: string | null): string | null {
    switch (limit.keyedBy) {
      case 'client':
        return client;
      case 'route':
        return EVERYBODY;
      case 'header': {
        const value = fieldValue(head, limit.fieldName);
        return value === undefined ? client : this.#digest(value);
      }
    }
  }

  /** 128 bits of SHA-256: a value may be a secret, and of any length; keys travel, stay in a store, and are looked at. */
  #digest(value: string): string {
    if (value.length > longestCachedValue) return digestOf(value);
    const known = this.#digests.get(value);
    if (known !== undefined) return known.text;
    const digest = new Digest(digestOf(value));
    this.#digests.add(value, digest);
    return digest.text;
  }
}

class Digest extends Used {
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

function digestOf(value: string): string {
  return createHash('sha256').update(value, 'latin1').digest('hex').slice(0, DIGEST_DIGITS);
}

/** Several field lines of the name are one value, in their order (RFC 9110 section 5.3). */
function fieldValue(head: RequestHead, name: Uint8Array): string | undefined {
  let value: string | undefined;
  for (let index = 0; index < head.fieldCount; index++) {
    if (!hasName(head, index, name)) continue;
    const line = head.latin1(head.valueStart(index), head.valueEnd(index));
    value = value === undefined ? line : `${value}, ${line}`;
  }
  return value;
}

/** Bit 5 folds letters; nothing else that a field name may hold becomes a letter, a digit or `-` by it. */
function hasName(head: RequestHead, index: number, name: Uint8Array): boolean {
  const start = head.nameStart(index);
  if (head.nameEnd(index) - start !== name.length) return false;
  const from = head.base + start;
  for (let at = 0; at < name.length; at++) if (((head.bytes[from + at] ?? 0) | 0x20) !== name[at]) return false;
  return true;
}
