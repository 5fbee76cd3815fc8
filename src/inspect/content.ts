import { fieldId } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { InspectPolicy } from './inspect.ts';

const expectField = fieldId('expect');

/** RFC 9110 section 10.1.1: `100-continue` is the only expectation there is; HTTP/1.0 has none. */
export function inspectExpect(head: RequestHead): Rejection | undefined {
  if (!head.has(expectField) || head.minorVersion === 0) return undefined;
  if (head.value(expectField)?.toLowerCase() === '100-continue') return undefined;
  return reject('expect.unsupported', 'an expectation other than 100-continue');
}

/** Whether the client waits for `100 Continue` before it sends its content. */
export function expectsContinue(head: RequestHead): boolean {
  return head.minorVersion === 1 && head.framing !== 'none' && head.has(expectField);
}

/** A declared length above the limit is refused before a byte of it is read; chunks are counted by the parser. */
export function inspectContentLength(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  const { contentBytes } = policy.request;
  if (head.contentLength <= contentBytes) return undefined;
  return reject('content.too-large', `${head.contentLength} bytes declared, at most ${contentBytes}`);
}

/** RFC 9112 section 6.1. Behind what else ends a connection: a request that is wrong in another way is told that first. */
export function inspectTransferCoding(head: RequestHead): Rejection | undefined {
  if (!head.hasUnknownCoding) return undefined;
  return reject('framing.transfer-coding', 'a transfer coding that is not known here');
}
