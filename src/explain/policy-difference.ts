import { parseBlock } from '../inspect/client-address.ts';
import { withValues } from '../policy/effective.ts';
import { originOf } from '../policy/origin.ts';
import type { Policy, Route } from '../policy/policy.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { valuePointers } from '../policy/policy-value.ts';
import { labelOf } from '../policy/route.ts';
import { elementText } from '../policy/value-text.ts';
import { observableRules } from '../rejection/rules.ts';
import { modeOf } from './decision.ts';
import { type EffectiveValue, effectiveValue, type Holding } from './effective-value.ts';
import { explainFirst } from './explain.ts';
import { parserContext } from './parser-context.ts';
import { sampleRequest } from './sample-request.ts';

/** One value that is another one in effect. */
export type ValueChange = {
  /** Of the schema, within the policy or the route; of rules `/rules/host.not-allowed`, whatever made their mode. */
  readonly pointer: string;
  readonly old: EffectiveValue | null;
  readonly new: EffectiveValue | null;
  /** Of a list: the elements that came and went. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
};

export type RouteChange = {
  readonly change: 'added' | 'removed' | 'changed';
  /** As the newer policy that has it calls it. */
  readonly label: string;
  /** Null if it is new, or has no other name than before. */
  readonly oldLabel: string | null;
  readonly origin: string;
  readonly oldOrigin: string | null;
  /** Of a route that came or went: what it says against what holds for its requests without it, by another route perhaps. */
  readonly values: readonly ValueChange[];
};

export type PolicyDifference = { readonly values: readonly ValueChange[]; readonly routes: readonly RouteChange[] };

/**
 * What differs in effect. How a value is written, who says it, the order of keys, of elements and of routes are no difference;
 * nor is what a policy is called. A route is the same one where it takes the same requests.
 */
export function policyDifference(old: PolicyInForce, now: PolicyInForce): PolicyDifference {
  return { values: valueChanges(generalOf(old.policy), generalOf(now.policy)), routes: routeChanges(old, now) };
}

export function isSame({ values, routes }: PolicyDifference): boolean {
  return values.length + routes.length === 0;
}

type Side = { readonly policy: Policy; readonly holding: Holding };

function generalOf(policy: Policy): Side {
  return { policy, holding: { route: null, values: policy } };
}

function routeOf(policy: Policy, route: number): Side {
  const values = policy.routes[route]?.values ?? {};
  return { policy, holding: { route, values: withValues(policy, values) } };
}

/** `/mode` and `/rules` show in the mode that each rule has in the end. */
const comparedPointers = valuePointers.filter((pointer) => pointer !== '/mode' && !pointer.startsWith('/rules/'));

function valueChanges(old: Side, now: Side): readonly ValueChange[] {
  const values = comparedPointers.flatMap(
    (pointer) => valueChange(pointer, valueAt(pointer, old), valueAt(pointer, now)) ?? [],
  );
  const modes = observableRules.flatMap((rule) => {
    const oldMode = modeOf(rule, old.holding, old.policy);
    return valueChange(`/rules/${rule}`, oldMode, modeOf(rule, now.holding, now.policy)) ?? [];
  });
  return [...values, ...modes];
}

function valueAt(pointer: string, { policy, holding }: Side): EffectiveValue | null {
  return effectiveValue(pointer, holding, policy);
}

function valueChange(pointer: string, old: EffectiveValue | null, now: EffectiveValue | null): ValueChange | null {
  const before = elementsOf(old?.value);
  const after = elementsOf(now?.value);
  const added = [...after].flatMap(([element, text]) => (before.has(element) ? [] : [text]));
  const removed = [...before].flatMap(([element, text]) => (after.has(element) ? [] : [text]));
  if (added.length + removed.length === 0) return null;
  const isList = Array.isArray(old?.value ?? now?.value);
  return { pointer, old, new: now, added: isList ? added : [], removed: isList ? removed : [] };
}

/** What is compared, by what it means; a value that is no list is its own element. */
function elementsOf(value: unknown): ReadonlyMap<string, string> {
  const elements: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return new Map(elements.map((element) => [meaningOf(element), elementText(element)]));
}

/** One address in two spellings is one address. */
function meaningOf(element: unknown): string {
  const block = typeof element === 'string' ? parseBlock(element) : undefined;
  if (block !== undefined) return `${block.first.words.join('.')}/${block.prefixLength}`;
  return JSON.stringify(element, sortedKeys);
}

function sortedKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}

function routeChanges(oldInForce: PolicyInForce, nowInForce: PolicyInForce): readonly RouteChange[] {
  const { policy: old } = oldInForce;
  const { policy: now } = nowInForce;
  const oldRoutes = new Map(old.routes.map((route, index) => [conditionOf(route), index]));
  const kept = new Set<string>();
  const changes = now.routes.flatMap((route, index): readonly RouteChange[] => {
    const condition = conditionOf(route);
    const oldIndex = oldRoutes.get(condition);
    if (oldIndex === undefined)
      return [routeChange('added', now, index, ownChanges(withoutRoute(now, index, oldInForce), routeOf(now, index)))];
    kept.add(condition);
    const values = ownChanges(routeOf(old, oldIndex), routeOf(now, index));
    const oldRoute = old.routes[oldIndex] ?? route;
    const oldLabel = oldRoute.label;
    const hasOldName = oldLabel === route.label || !(isNamed(oldRoute) || isNamed(route));
    if (values.length === 0 && hasOldName) return [];
    const oldOrigin = originOf(old, `/routes/${oldIndex}`);
    return [{ ...routeChange('changed', now, index, values), oldLabel: hasOldName ? null : oldLabel, oldOrigin }];
  });
  const removed = old.routes.flatMap((route, index) => {
    if (kept.has(conditionOf(route))) return [];
    return [routeChange('removed', old, index, ownChanges(routeOf(old, index), withoutRoute(old, index, nowInForce)))];
  });
  return [...changes, ...removed];
}

/**
 * What holds for the requests of a route in the policy that lacks it. Where that is another route, which may guard them, its
 * values are what comes or goes; what no route takes shows as general change elsewhere.
 */
function withoutRoute(policy: Policy, index: number, lacking: PolicyInForce): Side {
  const { bytes, arriving } = sampleRequest(policy, index);
  const { route } = explainFirst(bytes, lacking, arriving, parserContext()).effective;
  return route === null ? generalOf(policy) : routeOf(lacking.policy, route);
}

function routeChange(
  change: RouteChange['change'],
  policy: Policy,
  index: number,
  values: readonly ValueChange[],
): RouteChange {
  const label = policy.routes[index]?.label ?? '';
  return { change, label, oldLabel: null, origin: originOf(policy, `/routes/${index}`), oldOrigin: null, values };
}

/** Changes that the route itself makes: what changed for all requests is told once. */
function ownChanges(old: Side, now: Side): readonly ValueChange[] {
  return valueChanges(old, now).filter((change) =>
    [change.old, change.new].some((value) => value?.pointer.startsWith('/routes/') === true),
  );
}

/** The label is a name, not the condition in the order in which the file has it. */
function isNamed({ label, hosts, path, methods }: Route): boolean {
  const condition = { ...(hosts && { hosts }), ...(path !== null && { path }), ...(methods && { methods }) };
  return label.toLowerCase() !== labelOf(condition).toLowerCase();
}

/** Which requests a route takes, in one spelling. No two routes of a policy have the same. */
function conditionOf({ hosts, path, methods }: Route): string {
  const sorted = (list: readonly string[] | null) => (list === null ? null : [...new Set(list)].sort());
  return JSON.stringify([sorted(hosts), path, sorted(methods)]);
}
