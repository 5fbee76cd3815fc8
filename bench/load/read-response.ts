/** One response out of received bytes, as latin1. */
export type Response = { readonly status: number; readonly content: string; readonly keepAlive: boolean };

const HEAD_END = '\r\n\r\n';
const CHUNK_END = '\r\n';

/**
 * Undefined while it is incomplete. Throws on what is no HTTP/1.1 response of a known length, and on bytes behind it,
 * which nobody has asked for.
 */
export function readResponse(received: string): Response | undefined {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd === -1) return undefined;
  const head = received.slice(0, headEnd);
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
  if (status === undefined) throw new Error(`not a response: ${JSON.stringify(head.slice(0, 80))}`);
  const start = headEnd + HEAD_END.length;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  const content =
    length !== undefined ? readLength(received, start, Number(length)) : readChunks(received, start, head);
  if (content === undefined) return undefined;
  return { status: Number(status), content, keepAlive: !/\r\nconnection: *close/i.test(head) };
}

function readLength(received: string, start: number, length: number): string | undefined {
  if (received.length < start + length) return undefined;
  if (received.length > start + length) throw new Error('bytes behind a response');
  return received.slice(start);
}

function readChunks(received: string, start: number, head: string): string | undefined {
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error('a response without a length');
  let content = '';
  for (let at = start; ; ) {
    const lineEnd = received.indexOf(CHUNK_END, at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(received.slice(at, lineEnd), 16);
    const end = lineEnd + CHUNK_END.length + size;
    if (Number.isNaN(size)) throw new Error('a malformed chunk');
    if (received.length < end + CHUNK_END.length) return undefined;
    if (size === 0) return content;
    content += received.slice(lineEnd + CHUNK_END.length, end);
    at = end + CHUNK_END.length;
  }
}
