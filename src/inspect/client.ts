import type { RequestHead } from '../http1/request-head.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { Inspection, InspectPolicy } from './inspect.ts';

/**
 * RFC 9110 section 15.5.4. `deny` goes before `allow`. A client without an address is one of this machine. One that reset its
 * connection behind its request has an address no more: it would pass every list if that counted as none.
 */
export function inspectClient(
  _: RequestHead,
  { allow, deny }: InspectPolicy,
  { client }: Inspection,
): Rejection | undefined {
  if ((allow === null && deny === null) || client === undefined) return undefined;
  if (client === null) return reject('client.denied', 'the address is not known any more');
  if (deny?.has(client) === true) return reject('client.denied', 'the address is among those denied');
  if (allow === null || allow.has(client)) return undefined;
  return reject('client.denied', 'the address is not among those allowed');
}
