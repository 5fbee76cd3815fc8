import type { RequestHead } from '../http1/request-head.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { InspectPolicy } from './inspect.ts';

/**
 * The limits of a head whose route has lower ones than another, or that are only observed. The parser, which cannot know the
 * route yet, held it to the highest: what is measured here is a head that is already bounded.
 */
export function inspectLineLength(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  if (!policy.checksHeadLimits) return undefined;
  const { lineBytes } = policy.request;
  const length = head.targetEnd + ' HTTP/1.1'.length;
  return length <= lineBytes ? undefined : reject('request-line.too-long', `more than ${lineBytes} bytes`);
}

export function inspectFieldCount(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  const { fieldCount } = policy.request;
  if (!policy.checksHeadLimits || head.fieldCount <= fieldCount) return undefined;
  return reject('fields.too-many', `more than ${fieldCount} field lines`);
}

export function inspectFieldSize(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  if (!policy.checksHeadLimits) return undefined;
  const { fieldBytes } = policy.request;
  for (let index = 0; index < head.fieldCount; index++) {
    if (endOfLine(head, index) - head.nameStart(index) > fieldBytes) {
      return reject('field.too-large', `a field line above ${fieldBytes} bytes`);
    }
  }
  return undefined;
}

export function inspectFieldsSize(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  const { totalFieldBytes } = policy.request;
  if (!policy.checksHeadLimits || head.fieldCount === 0) return undefined;
  const length = endOfLine(head, head.fieldCount - 1) + '\r\n'.length - head.nameStart(0);
  return length <= totalFieldBytes
    ? undefined
    : reject('fields.too-large', `field lines above ${totalFieldBytes} bytes`);
}

/** White space behind a value belongs to its line. */
function endOfLine(head: RequestHead, index: number): number {
  if (index + 1 < head.fieldCount) return head.nameStart(index + 1) - '\r\n'.length;
  const { bytes, base } = head;
  let end = head.valueEnd(index);
  while (bytes[base + end] === 0x20 || bytes[base + end] === 0x09) end++;
  return end;
}
