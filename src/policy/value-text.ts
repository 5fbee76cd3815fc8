import { keyAt } from './key-at.ts';
import type { Policy, RateLimit, Route } from './policy.ts';
import type { PolicyKey } from './policy-key.ts';
import { policyValue } from './policy-value.ts';
import { formatDuration, formatRate, formatSize } from './quantity.ts';

const mostElements = 20;

/** A policy, or parts of one. */
type PolicyParts = { readonly [Part in keyof Policy]?: unknown } & { readonly routes?: readonly Route[] };

/** The value behind a pointer of `origins` as a policy file could have it: `64KiB`, `10s`, `GET, HEAD`; of a route its name. */
export function valueText(policy: PolicyParts, pointer: string): string {
  const [, index, withinRoute] = /^\/routes\/(\d+)(\/.*)?$/.exec(pointer) ?? [];
  const route = policy.routes?.[Number(index)];
  if (route === undefined) return textOf(policyValue(policy, pointer), pointer);
  return withinRoute === undefined ? route.label : textOf(policyValue(route.values, withinRoute), withinRoute);
}

/** `value` in the unit of a policy; `pointer` is that of the schema. */
function textOf(value: unknown, pointer: string): string {
  if (typeof value === 'number') return numberText(value, keyAt(pointer)?.kind);
  if (!Array.isArray(value)) return typeof value === 'object' ? JSON.stringify(value) : String(value);
  if (value.length === 0) return 'empty';
  const shown = value.slice(0, mostElements).map(elementText).join(', ');
  return value.length > mostElements ? `${shown} and ${value.length - mostElements} more` : shown;
}

/** An element of a list in the units of a policy: of rate limits all that they say, as `rateLimitText` has it. */
export function elementText(element: unknown): string {
  return typeof element === 'object' && element !== null ? rateLimitText(element as RateLimit) : String(element);
}

/** `per-client (100 per 1s for each client, burst 200, block 1m)`: what a file could leave out is left out. */
function rateLimitText({ name, key, requests, perMs, burst, blockMs, cost, accuracy }: RateLimit): string {
  const whom = key === 'route' ? 'for all together' : `for each ${key.replace(/^header:/, '')}`;
  const parts = [
    `${requests} per ${formatDuration(perMs / 1000)} ${whom}`,
    ...(burst === requests ? [] : [`burst ${burst}`]),
    ...(blockMs === 0 ? [] : [`block ${formatDuration(blockMs / 1000)}`]),
    ...(cost === 1 ? [] : [`cost ${cost}`]),
    ...(accuracy === 'leased' ? [] : [accuracy]),
  ];
  return `${name} (${parts.join(', ')})`;
}

/** Durations are milliseconds in a policy. */
function numberText(value: number, kind: PolicyKey['kind'] | undefined): string {
  if (kind === 'size') return formatSize(value);
  if (kind === 'duration') return value === 0 ? 'no deadline' : formatDuration(value / 1000);
  if (kind === 'rate') return value === 0 ? 'none' : formatRate(value);
  return String(value);
}
