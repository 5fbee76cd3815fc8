import type { EffectivePolicy } from '../policy/effective.ts';
import { originOf } from '../policy/origin.ts';
import type { Policy } from '../policy/policy.ts';
import { policyValue, valuePointers } from '../policy/policy-value.ts';
import { valueText } from '../policy/value-text.ts';

/** One value that holds, and who said so. */
export type EffectiveValue = {
  /** Where it stands: `/request/line/maxBytes`, or `/routes/1/request/line/maxBytes` where the route says it. */
  readonly pointer: string;
  /** In the units of a policy: bytes, milliseconds. */
  readonly value: unknown;
  /** As a policy file could have it. */
  readonly text: string;
  /** `default`, `site.json:12:5`, `flag --timeout`. */
  readonly origin: string;
};

/** What decides on one request: the parts of `EffectivePolicy` that no table hides. */
export type Holding = Pick<EffectivePolicy, 'route' | 'values'>;

/** What holds at a pointer of the schema; null where nobody says anything, as of most rules' modes. */
export function effectiveValue(pointer: string, { route, values }: Holding, policy: Policy): EffectiveValue | null {
  const merged = { ...policy, ...values };
  const value = policyValue(merged, pointer);
  if (value === undefined) return null;
  const ofRoute = `/routes/${route}${pointer}`;
  const place = route !== null && policy.origins[ofRoute] !== undefined ? ofRoute : pointer;
  return { pointer: place, value, text: valueText(merged, pointer), origin: originOf(policy, place) };
}

export function effectiveValues(holding: Holding, policy: Policy): readonly EffectiveValue[] {
  return valuePointers.flatMap((pointer) => effectiveValue(pointer, holding, policy) ?? []);
}
