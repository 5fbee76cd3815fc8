import type { RequestHead } from '../http1/request-head.ts';
import { RequestTarget } from '../http1/request-target.ts';
import type { Rejection } from '../rejection/rejection.ts';
import type { RuleId } from '../rejection/rules.ts';
import type { AddressSet } from './address-set.ts';
import { inspectClient } from './client.ts';
import type { ClientAddress } from './client-address.ts';
import { inspectContentLength, inspectExpect, inspectTransferCoding } from './content.ts';
import { inspectFieldNames, inspectSingletons } from './field-section.ts';
import { inspectFieldCount, inspectFieldSize, inspectFieldsSize, inspectLineLength } from './head-limits.ts';
import { inspectAllowedHost, inspectHost } from './host.ts';
import type { HostTable } from './host-table.ts';
import { inspectImplemented, inspectMethod } from './method.ts';
import { inspectForbiddenTarget, inspectTarget } from './target.ts';

/** What the checks of a head need from the policy that holds for it. Source: `/request`, `/clients`, `/rules`. */
export type InspectPolicy = {
  readonly request: {
    readonly lineBytes: number;
    readonly fieldCount: number;
    readonly fieldBytes: number;
    readonly totalFieldBytes: number;
    readonly methods: readonly string[];
    readonly dotSegments: 'reject' | 'keep';
    readonly encodedSlash: 'reject' | 'decode';
    readonly underscores: 'drop' | 'reject';
    readonly contentBytes: number;
  };
  /** The parser read this head under wider limits than these: other routes have them. */
  readonly checksHeadLimits: boolean;
  /** Null: any host. */
  readonly hosts: HostTable<unknown> | null;
  /** Null: any client. */
  readonly allow: AddressSet | null;
  readonly deny: AddressSet | null;
  /** Rules whose refusals are noted and pass; null: none. */
  readonly observed: ReadonlySet<RuleId> | null;
};

/** One head under inspection, and what the checks found out about it. One for each process: used again and again. */
export class Inspection {
  readonly target = new RequestTarget();
  /** The path, percent-decoded, in `pathBytes[pathStart, pathEnd)`. */
  pathBytes: Uint8Array = new Uint8Array(0);
  pathStart = 0;
  pathEnd = 0;
  /** Of the client; undefined where it has none (a Unix socket), null where it is not known any more. */
  client: ClientAddress | null | undefined;
  /** Set of `fieldId`s: forwarding fields that the application gets, because a trusted proxy wrote them. */
  passedForwarding = 0;
  /** What would have been refused, were it not only observed. */
  readonly observed: Rejection[] = [];
}

/** Judges a head that is known to have a form: its route may be looked up. */
export type Check = (head: RequestHead, policy: InspectPolicy, inspection: Inspection) => Rejection | undefined;
/** Judges what no policy can allow. */
export type FormCheck = (head: RequestHead, inspection: Inspection) => Rejection | undefined;

/** What has to be known before a route can be: a method, a path and a host that mean one thing. */
export const formChecks: readonly FormCheck[] = [inspectImplemented, inspectTarget, inspectHost];

/**
 * The order is behaviour: the first rule that objects is the one that is answered. Those whose refusal lets the connection
 * live on come last, so that none of them hides a fault that ends it; otherwise the cheapest come first.
 */
export const checks: readonly Check[] = [
  inspectClient,
  inspectLineLength,
  inspectFieldCount,
  inspectFieldSize,
  inspectFieldsSize,
  inspectForbiddenTarget,
  inspectSingletons,
  inspectFieldNames,
  inspectExpect,
  inspectContentLength,
  inspectTransferCoding,
  inspectAllowedHost,
  inspectMethod,
];

/** Whether the head has a form at all. Pure: no clock, no state, no I/O. */
export function inspectForm(head: RequestHead, inspection: Inspection): Rejection | undefined {
  if (inspection.observed.length > 0) inspection.observed.length = 0;
  for (let i = 0; i < formChecks.length; i++) {
    const rejection = formChecks[i]?.(head, inspection);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}

/**
 * Everything else that policy and the RFCs have to say about a head whose form is known. What is only observed is noted in
 * the inspection.
 */
export function inspect(head: RequestHead, policy: InspectPolicy, inspection: Inspection): Rejection | undefined {
  for (let i = 0; i < checks.length; i++) {
    const rejection = checks[i]?.(head, policy, inspection);
    if (rejection === undefined) continue;
    if (policy.observed === null || !policy.observed.has(rejection.rule)) return rejection;
    inspection.observed.push(rejection);
  }
  return undefined;
}
