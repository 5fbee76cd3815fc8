import type { RuleId } from '../rejection/rules.ts';
import type { Llhttp } from './llhttp/instance.ts';
import { createParserContext, RequestParser } from './request-parser.ts';

/**
 * Requests that a safe parser refuses, run through the parser that was loaded, at every start. A dependency update that
 * weakens parsing is then an error at start and not an incident. Each stands for a way in that servers have had.
 */
type Canary = { readonly name: string; readonly request: string; readonly rule: RuleId };

const head = 'POST / HTTP/1.1\r\nHost: a\r\n';
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;

export const canaries: readonly Canary[] = [
  { name: 'LF alone ends a line', request: 'GET / HTTP/1.1\nHost: a\n\n', rule: 'request-line.malformed' },
  { name: 'LF alone ends a field line', request: 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', rule: 'field.malformed' },
  { name: 'CR alone in a field value', request: 'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n', rule: 'field.malformed' },
  { name: 'obs-fold', request: 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n', rule: 'field.malformed' },
  { name: 'space before the colon', request: 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', rule: 'field.malformed' },
  { name: 'NUL in a value', request: 'GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n', rule: 'field.malformed' },
  { name: 'two spaces in the request line', request: 'GET  / HTTP/1.1\r\n\r\n', rule: 'request-line.malformed' },
  { name: 'HTTP/2.0 in HTTP/1 form', request: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', rule: 'version.unsupported' },
  { name: 'another protocol', request: 'GET / RTSP/1.0\r\nHost: a\r\n\r\n', rule: 'request-line.malformed' },
  {
    name: 'Content-Length with Transfer-Encoding',
    request: `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n`,
    rule: 'framing.conflict',
  },
  {
    name: 'Transfer-Encoding with Content-Length',
    request: `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n`,
    rule: 'framing.conflict',
  },
  {
    name: 'two lengths',
    request: `${head}Content-Length: 4\r\nContent-Length: 4\r\n\r\n`,
    rule: 'framing.content-length',
  },
  { name: 'a signed length', request: `${head}Content-Length: +4\r\n\r\n`, rule: 'framing.content-length' },
  {
    name: 'a coding before chunked',
    request: `${head}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    rule: 'framing.transfer-coding',
  },
  {
    name: 'a coding after chunked',
    request: `${head}Transfer-Encoding: chunked, gzip\r\n\r\n`,
    rule: 'framing.conflict',
  },
  {
    name: 'chunked in HTTP/1.0',
    request: 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n',
    rule: 'framing.conflict',
  },
  { name: 'LF alone after a chunk size', request: `${chunked}1\na\r\n0\r\n\r\n`, rule: 'framing.chunk' },
  { name: 'LF in a chunk extension', request: `${chunked}1;a\nb\r\na\r\n0\r\n\r\n`, rule: 'framing.chunk' },
  { name: 'data longer than its chunk', request: `${chunked}1\r\nabc0\r\n\r\n`, rule: 'framing.chunk' },
  { name: 'a chunk size of many zeros', request: `${chunked}${'0'.repeat(17)}1\r\n`, rule: 'framing.chunk' },
  {
    name: 'a length behind the content',
    request: `${chunked}0\r\nContent-Length: 4\r\n\r\n`,
    rule: 'trailer.forbidden',
  },
  { name: 'a long request line', request: `GET /${'a'.repeat(200)}`, rule: 'request-line.too-long' },
  { name: 'a long field line', request: `GET / HTTP/1.1\r\nX: ${'a'.repeat(200)}`, rule: 'field.too-large' },
  { name: 'many fields', request: `GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(9)}`, rule: 'fields.too-many' },
];

const limits = {
  lineBytes: 100,
  fieldBytes: 100,
  totalFieldBytes: 400,
  fieldCount: 8,
  contentBytes: 100,
  trailers: 'drop',
} as const;

/** The first canary that got through, or that another rule caught, in words for the operator; undefined if none did. */
export function survivingCanary(llhttp: Llhttp): string | undefined {
  for (const { name, request, rule } of canaries) {
    const bytes = Uint8Array.from(request, (c) => c.charCodeAt(0));
    for (const pieces of [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte))]) {
      const seen = refusedBy(llhttp, pieces);
      if (seen !== rule) return `${name}: expected ${rule}, the parser said ${seen ?? 'nothing'}`;
    }
  }
  return undefined;
}

function refusedBy(llhttp: Llhttp, pieces: readonly Uint8Array[]): RuleId | undefined {
  let rule: RuleId | undefined;
  const nobody = () => {};
  const parser = new RequestParser(createParserContext(llhttp), limits, {
    onRequestHead: nobody,
    onContent: nobody,
    onEndOfMessage: nobody,
    onRejected: (rejection) => {
      rule = rejection.rule;
    },
  });
  for (const piece of pieces) parser.receive(piece);
  parser.free();
  return rule;
}
