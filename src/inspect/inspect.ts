import type { RequestHead } from '../http1/request-head.ts';
import { RequestTarget } from '../http1/request-target.ts';
import type { Rejection } from '../rejection/rejection.ts';
import { inspectContentLength, inspectExpect, inspectTransferCoding } from './content.ts';
import { inspectFieldNames, inspectSingletons } from './field-section.ts';
import { inspectAllowedHost, inspectHost } from './host.ts';
import { inspectImplemented, inspectMethod } from './method.ts';
import { inspectTarget } from './target.ts';

/** What the checks of a head need from the policy. Source: `/request`. */
export type InspectPolicy = {
  readonly methods: readonly string[];
  readonly dotSegments: 'reject' | 'keep';
  readonly encodedSlash: 'reject' | 'decode';
  readonly hosts: readonly string[];
  readonly underscores: 'drop' | 'reject';
  readonly contentBytes: number;
};

/** One head under inspection, and what the checks found out about it. One for each process: used again and again. */
export class Inspection {
  readonly target = new RequestTarget();
  /** The path, percent-decoded, in `pathBytes[pathStart, pathEnd)`. */
  pathBytes: Uint8Array = new Uint8Array(0);
  pathStart = 0;
  pathEnd = 0;
}

export type Check = (head: RequestHead, policy: InspectPolicy, inspection: Inspection) => Rejection | undefined;

/**
 * The order is behaviour: the first rule that objects is the one that is answered. Those whose refusal lets the connection
 * live on come last, so that none of them hides a fault that ends it; otherwise the cheapest come first.
 */
export const checks: readonly Check[] = [
  inspectImplemented,
  inspectTarget,
  inspectHost,
  inspectSingletons,
  inspectFieldNames,
  inspectExpect,
  inspectContentLength,
  inspectTransferCoding,
  inspectAllowedHost,
  inspectMethod,
];

/** Everything that policy and the RFCs have to say about a head that parsed. Pure: no clock, no state, no I/O. */
export function inspect(head: RequestHead, policy: InspectPolicy, inspection: Inspection): Rejection | undefined {
  for (let i = 0; i < checks.length; i++) {
    const rejection = checks[i]?.(head, policy, inspection);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}
