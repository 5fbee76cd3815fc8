/** A response's status and fields as the application gave them, checked. */
export type ResponseHead = {
  /** NUL-separated latin1: `200 OK`, then name and value of each field, each followed by NUL. */
  readonly encoded: string;
  /** Null where the application did not say. */
  readonly contentLength: number | null;
  /** RFC 9110 section 6.4.1: this status has no content. */
  readonly isBodyless: boolean;
};

/** Three digits of a final status, a space, a reason without control characters. */
const statusPattern = /^[2-5]\d\d [\t\x20-\x7e\x80-\xff]*$/;
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 section 5.5 without its control characters, all of them: a recipient may see a line end in any. */
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const lengthPattern = /^\d{1,15}$/;

/** PEP 3333 section "Other HTTP Features": these belong to the connection, and that is not the application's. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Names seen before, and whether they are Content-Length: checking a name costs more than the rest of a field. */
const checkedNames = new Map<string, boolean>();
const maxCheckedNames = 512;

/**
 * Checks what an application gives to `startResponse`. Throws TypeError; thrown inside the application's call, its stack
 * shows the application's line. `maxBytes` bounds the encoded head.
 */
export function encodeResponseHead(status: unknown, headers: unknown, maxBytes: number): ResponseHead {
  if (typeof status !== 'string' || !statusPattern.test(status)) {
    throw new TypeError(`startResponse: status must be like "200 OK", from 200 to 599, not ${shown(status)}`);
  }
  if (!Array.isArray(headers)) {
    throw new TypeError(`startResponse: headers must be an array of [name, value], not ${shown(headers)}`);
  }
  let encoded = `${status}\0`;
  let contentLength: number | null = null;
  for (const field of headers as readonly unknown[]) {
    if (!Array.isArray(field) || field.length !== 2) {
      throw new TypeError(`startResponse: a header must be [name, value], not ${shown(field)}`);
    }
    const [name, value]: readonly unknown[] = field;
    const isLength = checkName(name);
    if (typeof value !== 'string' || !valuePattern.test(value)) {
      throw new TypeError(
        `startResponse: ${name} must be a string without control characters and with none above U+00FF, not ${shown(value)}`,
      );
    }
    if (isLength) {
      if (contentLength !== null) throw new TypeError('startResponse: two Content-Length headers');
      if (!lengthPattern.test(value)) throw new TypeError(`startResponse: Content-Length ${shown(value)} is no length`);
      contentLength = Number(value);
    }
    encoded += `${name}\0${value}\0`;
  }
  if (encoded.length > maxBytes) {
    throw new TypeError(`startResponse: status and headers of ${encoded.length} bytes, at most ${maxBytes}`);
  }
  return { encoded, contentLength, isBodyless: status.startsWith('204') || status.startsWith('304') };
}

/** Whether it is Content-Length. */
function checkName(name: unknown): boolean {
  const known = checkedNames.get(name as string);
  if (known !== undefined) return known;
  if (typeof name !== 'string' || !tokenPattern.test(name)) {
    throw new TypeError(`startResponse: ${shown(name)} is no header name`);
  }
  const lowerCase = name.toLowerCase();
  if (hopByHop.has(lowerCase)) {
    throw new TypeError(`startResponse: ${name} belongs to the connection, which the server keeps`);
  }
  const isLength = lowerCase === 'content-length';
  if (checkedNames.size < maxCheckedNames) checkedNames.set(name, isLength);
  return isLength;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return value === null ? 'null' : typeof value;
}
