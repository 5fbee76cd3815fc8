import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { transferContent } from '../apps/transfer-content.js';

/** Slower than this is a fault: bytes a second, and what every transfer may take at least. */
const LEAST_BYTES_PER_SECOND = 4 * 1024 * 1024;
const LEAST_MS = 20_000;
const MOST_ANSWER_BYTES = 1024;

/** Sends so many bytes to `/hash` and gives back what it answers. */
export async function upload(port: number, bytes: number): Promise<string> {
  const signal = AbortSignal.timeout(deadlineMs(bytes));
  const headers = { 'Content-Length': String(bytes) };
  const outgoing = request({ port, host: '127.0.0.1', path: '/hash', method: 'POST', headers, agent: false, signal });
  const sent = pipeline(Readable.from(transferContent(bytes), { highWaterMark: 1 }), outgoing);
  // A server that refuses answers before it has everything: its answer says more than the end of the pipeline.
  sent.catch(() => {});
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let answer = '';
  for await (const piece of response.setEncoding('latin1')) {
    answer += String(piece);
    if (answer.length > MOST_ANSWER_BYTES) throw new Error('an endless answer');
  }
  const result = succeeded(response, answer);
  await sent;
  return result;
}

/** The SHA-256 of so many bytes from `/content/BYTES`. */
export async function download(port: number, bytes: number): Promise<string> {
  const signal = AbortSignal.timeout(deadlineMs(bytes));
  const outgoing = request({ port, host: '127.0.0.1', path: `/content/${bytes}`, agent: false, signal });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const hash = createHash('sha256');
  let received = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    received += piece.length;
    hash.update(piece);
  }
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes`);
  return succeeded(response, hash.digest('hex'));
}

function succeeded(response: IncomingMessage, result: string): string {
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode} instead of 200: ${result}`);
  return result;
}

function deadlineMs(bytes: number): number {
  return LEAST_MS + (bytes / LEAST_BYTES_PER_SECOND) * 1000;
}
