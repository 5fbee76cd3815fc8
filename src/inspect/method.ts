import type { RequestHead } from '../http1/request-head.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { InspectPolicy } from './inspect.ts';

/** No policy can list these: the one asks for a tunnel, the other sends credentials back (RFC 9110 section 9.3.8). */
const neverImplemented = new Set(['CONNECT', 'TRACE']);

/** RFC 9110 section 9.1: 501 for a method that this server does not implement. */
export function inspectImplemented({ method }: RequestHead): Rejection | undefined {
  return neverImplemented.has(method) ? reject('method.unknown', `${method} is never implemented here`) : undefined;
}

/** RFC 9110 section 15.5.6: 405 for a method that the policy does not want. */
export function inspectMethod(head: RequestHead, policy: InspectPolicy): Rejection | undefined {
  if (policy.request.methods.includes(head.method)) return undefined;
  return reject('method.not-allowed', `${head.method} is not among the allowed methods`);
}
