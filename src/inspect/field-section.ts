import { fieldSet } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { isTokenByte } from '../http1/token.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { InspectPolicy } from './inspect.ts';

const singletons = fieldSet('content-type', 'authorization', 'expect', 'user-agent');

/** RFC 9110 section 5.3: a field that is no list and comes twice means two things to two readers. */
export function inspectSingletons(head: RequestHead): Rejection | undefined {
  if ((head.repeated & singletons) === 0) return undefined;
  return reject('field.repeated', 'a field that may come once came more than once');
}

/**
 * Only letters, digits and `-` survive in an environ key without meeting another name. Where the policy says so, a name
 * with any other byte refuses the request; otherwise the environ leaves it out.
 */
export function inspectFieldNames(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  if (policy.request.underscores === 'drop') return undefined;
  const { bytes, base } = head;
  for (let index = 0; index < head.fieldCount; index++) {
    for (let at = head.nameStart(index); at < head.nameEnd(index); at++) {
      const byte = bytes[base + at] ?? 0;
      if (!isLetterDigitOrHyphen(byte))
        return reject('field.malformed', 'a name with other bytes than letters, digits, -');
    }
  }
  return undefined;
}

function isLetterDigitOrHyphen(byte: number): boolean {
  const letter = byte | 0x20;
  return isTokenByte(byte) && (byte === 0x2d || (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x7a));
}
