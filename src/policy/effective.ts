import { type LimitInForce, limitsInForce } from '../admit/limit-in-force.ts';
import { AddressSet } from '../inspect/address-set.ts';
import { HostTable } from '../inspect/host-table.ts';
import type { InspectPolicy } from '../inspect/inspect.ts';
import { observableRules, type RuleId } from '../rejection/rules.ts';
import { numberKey } from './key-at.ts';
import type { PartialValues, PolicyValues, RequestPolicy } from './policy.ts';

/** What holds for one request: the values of the policy, with those of the route in their place, ready to be asked. */
export type EffectivePolicy = InspectPolicy & {
  /** Index of the route among `Policy.routes`; null: none takes the request. */
  readonly route: number | null;
  readonly values: PolicyValues;
  readonly request: RequestPolicy;
  /** As the parser takes them: a limit that is only observed is out of its way. */
  readonly parserLimits: RequestPolicy;
  /** Null: requests are not counted. */
  readonly rateLimits: readonly LimitInForce[] | null;
};

/** The tables of a policy are made once; routes share those that they do not change. */
export function effectivePolicy(route: number | null, values: PolicyValues, base?: EffectivePolicy): EffectivePolicy {
  const { request, clients } = values;
  const observed = observedRules(values);
  const parserLimits = observed === null ? request : withoutObserved(request, observed);
  const sameRateLimits = base !== undefined && base.values.rateLimits === values.rateLimits;
  const sameClients = base !== undefined && base.values.clients === clients;
  return {
    route,
    values,
    request,
    parserLimits,
    checksHeadLimits: false,
    hosts: base === undefined ? hostTable(request.hosts) : base.hosts,
    allow: sameClients ? base.allow : addressSet(clients.allow),
    deny: sameClients ? base.deny : addressSet(clients.deny),
    observed,
    rateLimits: sameRateLimits ? base.rateLimits : limitsInForce(values.rateLimits),
  };
}

/** The values of the policy with those of a route in their place. Parts that the route leaves alone stay the same object. */
export function withValues(base: PolicyValues, changes: PartialValues): PolicyValues {
  // What a route says of its rules goes before its mode, and both go before what the policy says.
  const inherited = changes.mode === undefined ? base.rules : {};
  return {
    mode: changes.mode ?? base.mode,
    rules: changes.rules === undefined ? inherited : { ...inherited, ...changes.rules },
    request: changes.request === undefined ? base.request : { ...base.request, ...changes.request },
    timeouts: changes.timeouts === undefined ? base.timeouts : { ...base.timeouts, ...changes.timeouts },
    keepAlive: changes.keepAlive === undefined ? base.keepAlive : { ...base.keepAlive, ...changes.keepAlive },
    clients: changes.clients === undefined ? base.clients : { ...base.clients, ...changes.clients },
    rateLimits: changes.rateLimits ?? base.rateLimits,
  };
}

function observedRules({ mode, rules }: PolicyValues): ReadonlySet<RuleId> | null {
  const observed = observableRules.filter((rule) => (rules[rule] ?? mode) === 'observe');
  return observed.length === 0 ? null : new Set(observed);
}

/** What holds instead is what a policy file can say at most; of one field line it is the limit on all of them together. */
function withoutObserved(request: RequestPolicy, observed: ReadonlySet<RuleId>): RequestPolicy {
  return {
    ...request,
    lineBytes: observed.has('request-line.too-long') ? numberKey('/request/line/maxBytes').maximum : request.lineBytes,
    fieldCount: observed.has('fields.too-many') ? numberKey('/request/fields/maxCount').maximum : request.fieldCount,
    fieldBytes: observed.has('field.too-large') ? request.totalFieldBytes : request.fieldBytes,
    contentBytes: observed.has('content.too-large')
      ? numberKey('/request/content/maxBytes').maximum
      : request.contentBytes,
  };
}

function hostTable(hosts: readonly string[]): HostTable<null> | null {
  return hosts.length === 0 ? null : new HostTable(hosts.map((pattern) => ({ pattern, value: null })));
}

function addressSet(blocks: readonly string[]): AddressSet | null {
  return blocks.length === 0 ? null : new AddressSet(blocks);
}
