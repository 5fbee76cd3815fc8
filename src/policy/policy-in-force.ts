import type { RequestHead } from '../http1/request-head.ts';
import { AddressSet } from '../inspect/address-set.ts';
import type { TrustedProxies } from '../inspect/forwarded.ts';
import type { Inspection } from '../inspect/inspect.ts';
import { type EffectivePolicy, effectivePolicy, withValues } from './effective.ts';
import type { Policy, ProxyPolicy, RateLimit, RequestPolicy } from './policy.ts';
import { rateLimitsById } from './rate-limits.ts';
import { RouteTable } from './route-table.ts';

/** A policy made ready for requests: every table of it is built, nothing of it is computed again. */
export type PolicyInForce = {
  readonly policy: Policy;
  /** Null: nobody is trusted to speak for others. */
  readonly proxies: TrustedProxies | null;
  /** What the parser holds a head to while its route cannot be known: of each limit the highest of all routes. */
  readonly headLimits: RequestPolicy;
  /** What holds before the route is known, and where no route takes the request. */
  readonly general: EffectivePolicy;
  /** All of them, those of routes too, by their ids. */
  readonly rateLimits: ReadonlyMap<string, RateLimit>;
  /** What holds for a request whose form was inspected. */
  for(head: RequestHead, inspection: Inspection): EffectivePolicy;
};

/** `policy` is valid. Ten thousand hosts, addresses and routes take some tens of milliseconds. */
export function putInForce(policy: Policy): PolicyInForce {
  const base = effectivePolicy(null, policy);
  const proxies = trustedProxies(policy.proxies);
  const routed = policy.routes.map(({ values }, index) => effectivePolicy(index, withValues(policy, values), base));
  const headLimits = highest(
    routed.map(({ parserLimits }) => parserLimits),
    base.parserLimits,
  );
  const general = { ...base, checksHeadLimits: isNarrower(base.request, headLimits) };
  const rateLimits = rateLimitsById(policy);
  if (routed.length === 0) return { policy, proxies, headLimits, general, rateLimits, for: () => general };
  const routes = new RouteTable(
    policy.routes.map((route, index) => {
      const effective = routed[index] ?? base;
      return { ...route, value: { ...effective, checksHeadLimits: isNarrower(effective.request, headLimits) } };
    }),
  );
  return {
    policy,
    proxies,
    headLimits,
    general,
    rateLimits,
    for: (head, inspection) => routes.find(head, inspection) ?? general,
  };
}

function trustedProxies({ trusted, hops, fields }: ProxyPolicy): TrustedProxies | null {
  return trusted.length === 0 ? null : { addresses: new AddressSet(trusted), hops, fields };
}

function highest(limits: readonly RequestPolicy[], base: RequestPolicy): RequestPolicy {
  const most = { ...base };
  for (const { lineBytes, fieldCount, fieldBytes, totalFieldBytes } of limits) {
    most.lineBytes = Math.max(most.lineBytes, lineBytes);
    most.fieldCount = Math.max(most.fieldCount, fieldCount);
    most.fieldBytes = Math.max(most.fieldBytes, fieldBytes);
    most.totalFieldBytes = Math.max(most.totalFieldBytes, totalFieldBytes);
  }
  return most;
}

function isNarrower(limits: RequestPolicy, than: RequestPolicy): boolean {
  return (
    limits.lineBytes < than.lineBytes ||
    limits.fieldCount < than.fieldCount ||
    limits.fieldBytes < than.fieldBytes ||
    limits.totalFieldBytes < than.totalFieldBytes
  );
}
