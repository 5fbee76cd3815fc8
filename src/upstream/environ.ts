import { nominatedFields } from '../http1/connection-options.ts';
import { fieldId, fieldSet, OTHER } from '../http1/known-field.ts';
import { PrefixViews } from '../http1/prefix-views.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { allForwardingFields } from '../inspect/forwarded.ts';
import type { Inspection } from '../inspect/inspect.ts';
import { type Mount, mountAt } from './mount.ts';

/**
 * The environ as it travels: NUL-separated latin1 keys and values, each followed by NUL (docs/link.md). Sanitized means:
 * only validated fields, only `-` becomes `_`, only ASCII letters change case, so that no two names meet in one key.
 * Source: PEP 3333; DESIGN section 5.
 */
const hostField = fieldId('host');
const contentTypeField = fieldId('content-type');
const contentLengthField = fieldId('content-length');
const cookieField = fieldId('cookie');

/** Never reaches an application: this hop's own business, httpoxy's `Proxy`, and what only a trusted proxy has said. */
const neverPassed =
  fieldSet('connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade') |
  fieldSet('proxy', 'proxy-authenticate', 'proxy-authorization', 'http2-settings') |
  fieldSet('content-length') |
  allForwardingFields;

/** Two fields of this id may well have two names, and do so behind most proxies. */
const manyNames = fieldSet('x-forwarded-');

/** Upper case of a name's byte in a key; 0 for a byte that drops the field. */
const keyByte = new Uint8Array(256);
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789') keyByte[c.charCodeAt(0)] = c.charCodeAt(0);
for (const c of 'abcdefghijklmnopqrstuvwxyz') keyByte[c.charCodeAt(0)] = c.charCodeAt(0) - 0x20;
keyByte[0x2d] = 0x5f;

const QUERY_STRING = Buffer.from('\0QUERY_STRING\0');
const RAW_URI = Buffer.from('\0RAW_URI\0');

function firstPairs(method: string, scriptName: string): Uint8Array {
  return Buffer.from(`REQUEST_METHOD\0${method}\0SCRIPT_NAME\0${scriptName}\0PATH_INFO\0`, 'latin1');
}

/** `*` is for OPTIONS alone, and lies below no mount. */
const ASTERISK_PAIRS = firstPairs('OPTIONS', '');

const COPY_BY_HAND_BYTES = 120;
const FIRST_BYTES = 8192;
/** What is not copied from the head: fixed keys, `HTTP_` and separators of each field, names and addresses. */
const FIXED_BYTES = 512;
const FIELD_BYTES = 8;
const PAIR_BYTES = 1024;

/** Equal for equal keys, and seldom for others: length, and bytes from the middle and the end. */
function markOf(key: Uint8Array, start: number, end: number): number {
  const middle = (start + end) >> 1;
  const ends = ((key[end - 1] ?? 0) << 8) | ((key[end - 2] ?? 0) << 16) | ((key[middle] ?? 0) << 24);
  return (end - start) | ends;
}

/** Pairs as an environ block has them, one character a byte. Throws on NUL: a value may come from the command line. */
export function encodePairs(pairs: readonly (readonly [string, string])[]): string {
  for (const [key, value] of pairs) if (`${key}${value}`.includes('\0')) throw new Error(`NUL in ${key}`);
  return pairs.map(([key, value]) => `${key}\0${value}\0`).join('');
}

/** More than any environ can take, given the limits on a head. In bytes; `pairs` for the connection included. */
export function longestEnviron(limits: { lineBytes: number; totalFieldBytes: number; fieldCount: number }): number {
  return FIXED_BYTES + PAIR_BYTES + 3 * limits.lineBytes + limits.totalFieldBytes + FIELD_BYTES * limits.fieldCount;
}

export class EnvironEncoder {
  private out = new PrefixViews(Buffer.allocUnsafeSlow(FIRST_BYTES));
  private bytes: Buffer = this.out.bytes;
  private at = 0;
  private readonly marks = new Int32Array(128);
  private readonly protocols: readonly [Uint8Array, Uint8Array];
  private readonly mount: Mount;
  /** The keys that begin every environ, by method: policies list a few dozen at most. */
  private readonly byMethod = new Map<string, Uint8Array>();

  /** `requestIdPrefix` begins every request id of this process. Every path encoded lies below `mount`. */
  constructor(requestIdPrefix: string, mount: Mount = mountAt('')) {
    this.mount = mount;
    const pairs = (minor: number) =>
      Buffer.from(`\0SERVER_PROTOCOL\0HTTP/1.${minor}\0portcullis.request_id\0${requestIdPrefix}`, 'latin1');
    this.protocols = [pairs(0), pairs(1)];
  }

  /**
   * The environ of one request; `connectionPairs` is a block of pairs. The answer is valid until the
   * next call.
   */
  encode(head: RequestHead, inspection: Inspection, connectionPairs: Uint8Array, requestNumber: number): Uint8Array {
    this.reserve(head, connectionPairs.length);
    this.at = 0;
    this.bytes.set(connectionPairs, 0);
    this.at = connectionPairs.length;
    this.putRequest(head, inspection, requestNumber);
    const start = this.at;
    if (!this.putFields(head, inspection)) {
      this.at = start;
      this.putFieldsJoined(head, inspection);
    }
    return this.out.of(this.at);
  }

  private reserve(head: RequestHead, pairBytes: number): void {
    const target = head.targetEnd - head.targetStart;
    const lastEnd = head.fieldCount === 0 ? head.targetEnd : head.valueEnd(head.fieldCount - 1);
    const needed = FIXED_BYTES + pairBytes + 3 * target + lastEnd + FIELD_BYTES * head.fieldCount;
    if (needed <= this.bytes.length) return;
    this.out = new PrefixViews(Buffer.allocUnsafeSlow(needed * 2));
    this.bytes = this.out.bytes;
  }

  private putRequest(head: RequestHead, inspection: Inspection, requestNumber: number): void {
    const { target, pathBytes, pathStart, pathEnd } = inspection;
    const isAsterisk = target.form === 'asterisk';
    this.putConstant(isAsterisk ? ASTERISK_PAIRS : this.methodPairs(head.method));
    if (target.form === 'absolute' && pathStart === pathEnd) this.putText('/');
    else this.putBytes(pathBytes, isAsterisk ? pathStart : pathStart + this.mount.bytes.length, pathEnd);
    this.putConstant(QUERY_STRING);
    this.putBytes(head.bytes, head.base + target.queryStart, head.base + target.queryEnd);
    this.putConstant(RAW_URI);
    this.putBytes(head.bytes, head.base + head.targetStart, head.base + head.targetEnd);
    this.putConstant(this.protocols[head.minorVersion]);
    this.putNumber(requestNumber);
    this.bytes[this.at++] = 0;
    if (head.has(contentLengthField)) this.putText(`CONTENT_LENGTH\0${head.contentLength}\0`);
    if (target.form === 'absolute' && !head.has(hostField)) {
      this.putText('HTTP_HOST\0');
      this.putAuthority(head, inspection);
      this.bytes[this.at++] = 0;
    }
  }

  private methodPairs(method: string): Uint8Array {
    let pairs = this.byMethod.get(method);
    if (pairs === undefined) {
      pairs = firstPairs(method, this.mount.scriptName);
      this.byMethod.set(method, pairs);
    }
    return pairs;
  }

  /**
   * False: two fields have, or seem to have, one name, or Connection nominates some. Then the slow way is right. One loop
   * over bytes without calls: this is a tenth of what a request costs.
   */
  private putFields(head: RequestHead, inspection: Inspection): boolean {
    const dropped = neverPassed & ~inspection.passedForwarding;
    if ((head.repeated & ~dropped & ~manyNames) !== 0 || nominatedFields(head).length > 0) return false;
    const { bytes, base, fieldCount } = head;
    const { bytes: out, marks } = this;
    const absolute = inspection.target.form === 'absolute';
    let at = this.at;
    let kept = 0;
    for (let index = 0; index < fieldCount; index++) {
      const id = head.id(index);
      if (id !== OTHER && (dropped & (1 << id)) !== 0) continue;
      const before = at;
      if (id !== contentTypeField) {
        out[at] = 0x48;
        out[at + 1] = 0x54;
        out[at + 2] = 0x54;
        out[at + 3] = 0x50;
        out[at + 4] = 0x5f;
        at += 5;
      }
      const nameEnd = base + head.nameEnd(index);
      let from = base + head.nameStart(index);
      let byte = 1;
      for (; from < nameEnd; from++) {
        byte = keyByte[bytes[from] ?? 0] ?? 0;
        if (byte === 0) break;
        out[at++] = byte;
      }
      if (byte === 0) {
        at = before;
        continue;
      }
      const mark = markOf(out, before, at);
      for (let i = 0; i < kept; i++) if (marks[i] === mark) return false;
      if (kept === marks.length) return false;
      marks[kept++] = mark;
      out[at++] = 0;
      if (id === hostField && absolute) {
        this.at = at;
        this.putAuthority(head, inspection);
        at = this.at;
      } else {
        const valueEnd = base + head.valueEnd(index);
        const valueStart = base + head.valueStart(index);
        if (valueEnd - valueStart > COPY_BY_HAND_BYTES) {
          out.set(bytes.subarray(valueStart, valueEnd), at);
          at += valueEnd - valueStart;
        } else {
          for (from = valueStart; from < valueEnd; from++) out[at++] = bytes[from] ?? 0;
        }
      }
      out[at++] = 0;
    }
    this.at = at;
    return true;
  }

  /** List fields that came more than once are joined in order, Cookie with `; ` (RFC 9110 section 5.3, RFC 6265). */
  private putFieldsJoined(head: RequestHead, inspection: Inspection): void {
    const dropped = neverPassed & ~inspection.passedForwarding;
    const nominated = new Set(nominatedFields(head));
    const joined = new Map<string, string>();
    for (let index = 0; index < head.fieldCount; index++) {
      const id = head.id(index);
      const name = head.latin1(head.nameStart(index), head.nameEnd(index));
      if ((id !== OTHER && (dropped & (1 << id)) !== 0) || !/^[A-Za-z0-9-]+$/.test(name)) continue;
      if (nominated.has(name.toLowerCase()) && id !== hostField && id !== contentTypeField) continue;
      const key = name.toUpperCase().replaceAll('-', '_');
      const before = joined.get(key);
      const value = head.latin1(head.valueStart(index), head.valueEnd(index));
      joined.set(key, before === undefined ? value : `${before}${id === cookieField ? '; ' : ', '}${value}`);
    }
    for (const [key, value] of joined) {
      this.putText(key === 'CONTENT_TYPE' ? `${key}\0` : `HTTP_${key}\0`);
      if (key === 'HOST' && inspection.target.form === 'absolute') this.putAuthority(head, inspection);
      else this.putText(value);
      this.putText('\0');
    }
  }

  /** RFC 9112 section 3.2.2: an absolute-form target replaces the Host field. */
  private putAuthority(head: RequestHead, { target }: Inspection): void {
    this.putBytes(head.bytes, head.base + target.authorityStart, head.base + target.authorityEnd);
  }

  private putConstant(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  private putNumber(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    let rest = value;
    for (let at = this.at + digits - 1; at >= this.at; at--) {
      this.bytes[at] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.at += digits;
  }

  private putText(text: string): void {
    if (text.length > COPY_BY_HAND_BYTES) {
      this.at += this.bytes.write(text, this.at, 'latin1');
      return;
    }
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
  }

  private putBytes(from: Uint8Array, start: number, end: number): void {
    if (end - start > COPY_BY_HAND_BYTES) {
      this.bytes.set(from.subarray(start, end), this.at);
      this.at += end - start;
      return;
    }
    const out = this.bytes;
    let at = this.at;
    for (let i = start; i < end; i++) out[at++] = from[i] ?? 0;
    this.at = at;
  }
}
