import { nominatedFields } from '../http1/connection-options.ts';
import { fieldId, fieldSet } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { Inspection } from '../inspect/inspect.ts';

/**
 * The environ as it travels: NUL-separated latin1 keys and values, each followed by NUL (docs/link.md). Sanitized means:
 * only validated fields, only `-` becomes `_`, only ASCII letters change case, so that no two names meet in one key.
 * Source: PEP 3333; DESIGN section 5.
 */
const hostField = fieldId('host');
const contentTypeField = fieldId('content-type');
const contentLengthField = fieldId('content-length');
const cookieField = fieldId('cookie');

/** Never reaches an application: this hop's own business, httpoxy's `Proxy`, and what only a trusted proxy may say. */
const neverPassed =
  fieldSet('connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade') |
  fieldSet('proxy', 'proxy-authenticate', 'proxy-authorization', 'http2-settings') |
  fieldSet('forwarded', 'x-forwarded-', 'x-real-ip', 'x-client-ip') |
  fieldSet('content-length');

/** Upper case of a name's byte in a key; 0 for a byte that drops the field. */
const keyByte = new Uint8Array(256);
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789') keyByte[c.charCodeAt(0)] = c.charCodeAt(0);
for (const c of 'abcdefghijklmnopqrstuvwxyz') keyByte[c.charCodeAt(0)] = c.charCodeAt(0) - 0x20;
keyByte[0x2d] = 0x5f;

const HTTP_PREFIX = Buffer.from('HTTP_');
const QUERY_STRING = Buffer.from('\0QUERY_STRING\0');
const RAW_URI = Buffer.from('\0RAW_URI\0');
const PROTOCOL_1_1 = Buffer.from('\0SERVER_PROTOCOL\0HTTP/1.1\0portcullis.request_id\0');
const PROTOCOL_1_0 = Buffer.from('\0SERVER_PROTOCOL\0HTTP/1.0\0portcullis.request_id\0');

/** The keys that begin every environ, by method: policies list a few dozen at most. */
const byMethod = new Map<string, Uint8Array>();
function methodPairs(method: string): Uint8Array {
  let pairs = byMethod.get(method);
  if (pairs === undefined) {
    pairs = Buffer.from(`REQUEST_METHOD\0${method}\0SCRIPT_NAME\0\0PATH_INFO\0`, 'latin1');
    byMethod.set(method, pairs);
  }
  return pairs;
}

const COPY_BY_HAND_BYTES = 48;
const FIRST_BYTES = 8192;
/** What is not copied from the head: fixed keys, `HTTP_` and separators of each field, names and addresses. */
const FIXED_BYTES = 512;
const FIELD_BYTES = 8;
const PAIR_BYTES = 1024;

/** A block of keys that stay the same for a connection, made once. Values hold no NUL. */
export function encodePairs(pairs: readonly (readonly [string, string])[]): Uint8Array {
  for (const [key, value] of pairs) if (`${key}${value}`.includes('\0')) throw new Error(`NUL in ${key}`);
  return Buffer.from(pairs.map(([key, value]) => `${key}\0${value}\0`).join(''), 'latin1');
}

/** More than any environ can take, given the limits on a head. In bytes; `pairs` for the connection included. */
export function longestEnviron(limits: { lineBytes: number; totalFieldBytes: number; fieldCount: number }): number {
  return FIXED_BYTES + PAIR_BYTES + 3 * limits.lineBytes + limits.totalFieldBytes + FIELD_BYTES * limits.fieldCount;
}

export class EnvironEncoder {
  private bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private at = 0;
  private readonly hashes = new Int32Array(128);

  /**
   * The environ of one request; `connectionPairs` and the id are what `encodePairs` made. The answer is valid until the
   * next call.
   */
  encode(head: RequestHead, inspection: Inspection, connectionPairs: Uint8Array, requestId: string): Uint8Array {
    this.reserve(head, connectionPairs.length);
    this.at = 0;
    this.bytes.set(connectionPairs, 0);
    this.at = connectionPairs.length;
    this.putRequest(head, inspection, requestId);
    const start = this.at;
    if (!this.putFields(head, inspection)) {
      this.at = start;
      this.putFieldsJoined(head, inspection);
    }
    return this.bytes.subarray(0, this.at);
  }

  private reserve(head: RequestHead, pairBytes: number): void {
    const target = head.targetEnd - head.targetStart;
    const lastEnd = head.fieldCount === 0 ? head.targetEnd : head.valueEnd(head.fieldCount - 1);
    const needed = FIXED_BYTES + pairBytes + 3 * target + lastEnd + FIELD_BYTES * head.fieldCount;
    if (needed > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(needed * 2);
  }

  private putRequest(head: RequestHead, inspection: Inspection, requestId: string): void {
    const { target, pathBytes, pathStart, pathEnd } = inspection;
    this.putConstant(methodPairs(head.method));
    if (target.form === 'absolute' && pathStart === pathEnd) this.putText('/');
    else this.putBytes(pathBytes, pathStart, pathEnd);
    this.putConstant(QUERY_STRING);
    this.putBytes(head.bytes, head.base + target.queryStart, head.base + target.queryEnd);
    this.putConstant(RAW_URI);
    this.putBytes(head.bytes, head.base + head.targetStart, head.base + head.targetEnd);
    this.putConstant(head.minorVersion === 1 ? PROTOCOL_1_1 : PROTOCOL_1_0);
    this.putText(requestId);
    this.bytes[this.at++] = 0;
    if (head.has(contentLengthField)) this.putText(`CONTENT_LENGTH\0${head.contentLength}\0`);
    if (target.form === 'absolute' && !head.has(hostField)) {
      this.putText('HTTP_HOST\0');
      this.putAuthority(head, inspection);
      this.bytes[this.at++] = 0;
    }
  }

  /** False: two fields have, or seem to have, one name, or Connection nominates some. Then the slow way is right. */
  private putFields(head: RequestHead, inspection: Inspection): boolean {
    if (head.repeated !== 0 || nominatedFields(head).length > 0) return false;
    const { bytes, base, fieldCount } = head;
    const absolute = inspection.target.form === 'absolute';
    let kept = 0;
    let seen = 0;
    for (let index = 0; index < fieldCount; index++) {
      const id = head.id(index);
      if ((neverPassed & (1 << id)) !== 0 && id !== 0) continue;
      const before = this.at;
      const hash = this.putKey(bytes, base + head.nameStart(index), base + head.nameEnd(index), id);
      if (hash === 0) {
        this.at = before;
        continue;
      }
      const bit = 1 << (hash & 31);
      if ((seen & bit) !== 0 && this.hashes.subarray(0, kept).includes(hash)) return false;
      seen |= bit;
      if (kept === this.hashes.length) return false;
      this.hashes[kept++] = hash;
      if (id === hostField && absolute) this.putAuthority(head, inspection);
      else this.putBytes(bytes, base + head.valueStart(index), base + head.valueEnd(index));
      this.bytes[this.at++] = 0;
    }
    return true;
  }

  /** Writes `HTTP_NAME` and NUL; answers a hash of the name that is not 0, or 0 if the field must be dropped. */
  private putKey(bytes: Uint8Array, start: number, end: number, id: number): number {
    const out = this.bytes;
    let at = this.at;
    if (id !== contentTypeField) for (let i = 0; i < HTTP_PREFIX.length; i++) out[at++] = HTTP_PREFIX[i] ?? 0;
    let hash = 17;
    for (let from = start; from < end; from++) {
      const byte = keyByte[bytes[from] ?? 0] ?? 0;
      if (byte === 0) return 0;
      out[at++] = byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    out[at++] = 0;
    this.at = at;
    return hash === 0 ? 1 : hash;
  }

  /** List fields that came more than once are joined in order, Cookie with `; ` (RFC 9110 section 5.3, RFC 6265). */
  private putFieldsJoined(head: RequestHead, inspection: Inspection): void {
    const dropped = new Set(nominatedFields(head));
    const joined = new Map<string, string>();
    for (let index = 0; index < head.fieldCount; index++) {
      const id = head.id(index);
      const name = head.latin1(head.nameStart(index), head.nameEnd(index));
      if ((id !== 0 && (neverPassed & (1 << id)) !== 0) || !/^[A-Za-z0-9-]+$/.test(name)) continue;
      if (dropped.has(name.toLowerCase()) && id !== hostField && id !== contentTypeField) continue;
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
