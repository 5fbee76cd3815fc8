import { hostEnd } from '../http1/authority.ts';
import { fieldId } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { HostEntry, HostTable } from './host-table.ts';
import type { Inspection, InspectPolicy } from './inspect.ts';

const hostField = fieldId('host');

/** RFC 9112 section 3.2: one valid Host in HTTP/1.1, never two, and none that contradicts an absolute-form target. */
export function inspectHost(head: RequestHead, inspection: Inspection): Rejection | undefined {
  if (head.isRepeated(hostField)) return reject('host.malformed', 'more than one Host field line');
  const index = head.find(hostField);
  if (index < 0) {
    return head.minorVersion === 1 ? reject('host.missing', 'no Host field line') : undefined;
  }
  const start = head.base + head.valueStart(index);
  const end = head.base + head.valueEnd(index);
  if (hostEnd(head.bytes, start, end) < 0) {
    return reject('host.malformed', 'neither a host name nor an address, with or without a port');
  }
  if (inspection.target.form === 'absolute' && !agrees(head, inspection, index)) {
    return reject('host.conflict', 'the target names another host than the Host field');
  }
  return undefined;
}

/** Compared without letter case and without the scheme's own port (RFC 9110 section 4.2.3). */
function agrees(head: RequestHead, { target }: Inspection, index: number): boolean {
  const named = normal(head.latin1(target.authorityStart, target.authorityEnd));
  return named === normal(head.latin1(head.valueStart(index), head.valueEnd(index)));
}

function normal(authority: string): string {
  return authority.toLowerCase().replace(/:0*80$/, '');
}

/** RFC 9110 section 15.5.20: 421 for a host that the policy does not list, whether the target or the field names it. */
export function inspectAllowedHost(
  head: RequestHead,
  { hosts }: InspectPolicy,
  inspection: Inspection,
): Rejection | undefined {
  if (hosts === null || findHost(hosts, head, inspection) !== undefined) return undefined;
  return reject('host.not-allowed', 'no such host here');
}

/** The most specific entry for the host of a request, in its Host field or its target. */
export function findHost<Value>(
  hosts: HostTable<Value>,
  head: RequestHead,
  { target }: Inspection,
): HostEntry<Value> | undefined {
  const { bytes, base } = head;
  const index = head.find(hostField);
  const start = index < 0 ? target.authorityStart : head.valueStart(index);
  const end = index < 0 ? target.authorityEnd : head.valueEnd(index);
  return hosts.find(bytes, base + start, base + end);
}
