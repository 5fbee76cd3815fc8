import { AddressSet } from '../inspect/address-set.ts';
import type { ClientAddress } from '../inspect/client-address.ts';
import { type EffectivePolicy, withValues } from '../policy/effective.ts';
import type { Policy } from '../policy/policy.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { policyValue, valuePointers } from '../policy/policy-value.ts';
import { valueText } from '../policy/value-text.ts';
import type { Rejection } from '../rejection/rejection.ts';
import type { ObservableRule } from '../rejection/rules.ts';
import { type EffectiveValue, effectiveValue, type Holding } from './effective-value.ts';
import type { Explanation } from './explain.ts';

/** The values of the policy behind a refusal, or behind what is observed. None where no policy can allow it. */
export function decidingValues(
  { pointer, rule }: Rejection,
  { effective, requestLine }: Pick<Explanation, 'effective' | 'requestLine'>,
  inForce: PolicyInForce,
  client: ClientAddress | undefined,
): readonly EffectiveValue[] {
  const { policy } = inForce;
  if (pointer === null) return [];
  if (rule === 'client.denied' && client !== undefined) return [decidingAddresses(effective, policy, client)];
  if (requestLine === null) return limitOfHeads(pointer, inForce);
  const values = valuePointers
    .filter((candidate) => candidate === pointer || candidate.startsWith(`${pointer}/`))
    .flatMap((candidate) => effectiveValue(candidate, effective, policy) ?? []);
  if (rule === 'target.forbidden') return values.filter(({ value }) => value === 'reject');
  if (rule === 'trailer.too-large') return values.filter(({ value }) => typeof value === 'number');
  return values;
}

/** Why a rule refuses or is only observed: its own mode, else the general one, of the route before the policy. */
export function modeOf(rule: ObservableRule, holding: Holding, policy: Policy): EffectiveValue {
  const { rules: modes, mode } = holding.values;
  const pointer = modes[rule] === undefined ? '/mode' : `/rules/${rule}`;
  return effectiveValue(pointer, holding, policy) ?? { pointer, value: mode, text: mode, origin: '' };
}

/** The block that denies this client; of those that would have allowed it, all. */
function decidingAddresses(effective: EffectivePolicy, policy: Policy, client: ClientAddress): EffectiveValue {
  const isDenied = effective.deny?.has(client) === true;
  const pointer = isDenied ? '/clients/deny' : '/clients/allow';
  const list = effectiveValue(pointer, effective, policy);
  if (list === null) throw new Error(`a complete policy lacks ${pointer}`);
  if (!isDenied) return list;
  const block = effective.values.clients.deny.find((candidate) => new AddressSet([candidate]).has(client));
  return { ...list, value: [block], text: block ?? list.text };
}

/**
 * Before its route is known, a head is held to the highest limit that any route has. Where a limit is only observed, the
 * highest value of its key still holds, or that of all field lines together.
 */
function limitOfHeads(pointer: string, { policy, headLimits }: PolicyInForce): readonly EffectiveValue[] {
  const most = policyValue({ request: headLimits }, pointer);
  const holdings: readonly Holding[] = [
    { route: null, values: policy },
    ...policy.routes.map(({ values }, route) => ({ route, values: withValues(policy, values) })),
  ];
  const highest = holdings.find(({ values }) => policyValue(values, pointer) === most);
  const value = effectiveValue(pointer, highest ?? { route: null, values: policy }, policy);
  if (value === null) return [];
  if (highest !== undefined) return [value];
  return [{ ...value, value: most, text: `${valueText({ request: headLimits }, pointer)}, where observing ends` }];
}
