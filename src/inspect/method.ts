import type { RequestHead } from '../http1/request-head.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { InspectPolicy } from './inspect.ts';

/** No policy can list these: the one asks for a tunnel, the other sends credentials back (RFC 9110 section 9.3.8). */
const neverImplemented = new Set(['CONNECT', 'TRACE']);

/** RFC 9110 section 9.1: 501 for a method that this server does not know, 405 for one that the policy does not want. */
export function inspectMethod(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  if (policy.methods.includes(head.method)) return undefined;
  if (neverImplemented.has(head.method)) return reject('method.unknown', `${head.method} is never implemented here`);
  return reject('method.not-allowed', `${head.method} is not among the allowed methods`);
}
