import { type Rejection, reject } from '../rejection/rejection.ts';
import { subjectText } from './request-subject.ts';

/**
 * The head of a request as the uwsgi protocol has it: four bytes (modifier1, size of the variables u16 LE, modifier2), then
 * each variable as size of the key u16 LE, key, size of the value u16 LE, value.
 *
 * What leaves is a fixed set of variables and `HTTP_*`, nothing else. A uWSGI server obeys variables of its own: UWSGI_FILE,
 * UWSGI_SETENV and others run code or open files, whoever set them. No field of a client becomes one, since all of them begin
 * with `HTTP_`, and the modifiers, of which one runs what the packet holds, are always 0 (WSGI).
 * Source: uwsgi-docs Protocol.rst and Vars.rst; nginx's `uwsgi_params` (without DOCUMENT_ROOT: there is none here).
 */
export type PacketLimits = { readonly bufferBytes: number; readonly maxVariables: number };

/** Keys of the environ, and what each is called there. */
const variables: ReadonlyMap<string, string> = new Map([
  ...[
    ...['REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'CONTENT_TYPE', 'CONTENT_LENGTH'],
    ...['SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL', 'REMOTE_ADDR', 'REMOTE_PORT'],
  ].map((name): [string, string] => [name, name]),
  ['RAW_URI', 'REQUEST_URI'],
  ['wsgi.url_scheme', 'REQUEST_SCHEME'],
]);
const fieldPrefix = 'HTTP_';

const headerBytes = 4;
/** What 16 bits can say. */
const mostBytes = 65_535;
const scratch = Buffer.allocUnsafeSlow(headerBytes + mostBytes);

/** `environ` as `EnvironEncoder` makes it. A rejection where the server would drop the request, or a part of it. */
export function encodePacket(environ: Uint8Array, { bufferBytes, maxVariables }: PacketLimits): Buffer | Rejection {
  const block = Buffer.from(environ.buffer, environ.byteOffset, environ.length);
  const end = headerBytes + Math.min(bufferBytes, mostBytes);
  let at = headerBytes;
  let count = 0;
  const put = (name: string, value: Uint8Array): boolean => {
    count += 1;
    if (at + 4 + name.length + value.length > end) return false;
    at = scratch.writeUInt16LE(name.length, at);
    at += scratch.write(name, at, 'latin1');
    at = scratch.writeUInt16LE(value.length, at);
    scratch.set(value, at);
    at += value.length;
    return true;
  };
  for (let start = 0; start < block.length; ) {
    const keyEnd = block.indexOf(0, start);
    const valueEnd = block.indexOf(0, keyEnd + 1);
    const key = block.toString('latin1', start, keyEnd);
    const value = block.subarray(keyEnd + 1, valueEnd);
    start = valueEnd + 1;
    const name = key.startsWith(fieldPrefix) ? key : variables.get(key);
    if (name === undefined) continue;
    if (!put(name, value) || (name === 'REQUEST_SCHEME' && isHttps(value) && !put('HTTPS', on))) {
      return reject('upstream.too-large', `the variables take more than ${bufferBytes} bytes`);
    }
  }
  if (count > maxVariables) return reject('upstream.too-large', `${count} variables, at most ${maxVariables}`);
  scratch.writeUInt8(0, 0);
  scratch.writeUInt16LE(at - headerBytes, 1);
  scratch.writeUInt8(0, 3);
  return Buffer.from(scratch.subarray(0, at));
}

/** `GET /path`, for log lines. */
export function subjectOfPacket(packet: Buffer): string {
  return subjectText(variableIn(packet, 'REQUEST_METHOD'), variableIn(packet, 'REQUEST_URI'));
}

/** Empty where it is not among them. */
export function variableIn(packet: Buffer, wanted: string): string {
  for (let at = headerBytes; at < packet.length; ) {
    const valueAt = at + 2 + packet.readUInt16LE(at);
    const name = packet.toString('latin1', at + 2, valueAt);
    at = valueAt + 2 + packet.readUInt16LE(valueAt);
    if (name === wanted) return packet.toString('latin1', valueAt + 2, at);
  }
  return '';
}

const on = Buffer.from('on');

/** nginx sets HTTPS where it is, and uWSGI's Python makes `wsgi.url_scheme` of it. */
function isHttps(scheme: Buffer): boolean {
  return scheme.toString('latin1') === 'https';
}
