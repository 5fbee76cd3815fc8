import { deepFreeze } from './freeze.ts';
import type { Policy } from './policy.ts';
import type { PolicyFile } from './policy-file.generated.ts';
import { isRecord, isRuleMode, putValue, type Values, valuePointers } from './policy-value.ts';
import { routesOf } from './route.ts';

/** One file of a policy. `originOf` says where in it a value stands. */
export type Layer = { readonly file: PolicyFile; readonly originOf: (pointer: string) => string };

/**
 * Puts layers of valid files together, the first that has a value wins (a list is one value), and names every quantity's
 * unit. `name` is what environs call the policy. Throws if no layer has a value: then the shipped default is not the one
 * that belongs to this program.
 */
export function complete(name: string, layers: readonly Layer[]): Policy {
  const origins: Record<string, string> = {};
  const values: Values = { rules: {} };
  for (const pointer of valuePointers) {
    const layer = layers.find(({ file }) => valueAt(file, pointer) !== undefined);
    if (layer !== undefined) {
      putValue(values, pointer, valueAt(layer.file, pointer));
      origins[pointer] = layer.originOf(pointer);
    } else if (!isRuleMode(pointer)) {
      throw new Error(`the shipped default policy lacks ${pointer}`);
    }
  }
  const routed = layers.find(({ file }) => file.routes !== undefined);
  const routes = routed?.file.routes ?? [];
  for (const [index, route] of routes.entries()) {
    for (const pointer of ['', ...pointersIn(route)]) {
      const place = `/routes/${index}${pointer}`;
      origins[place] = routed?.originOf(place) ?? '';
    }
  }
  // Each layer is valid, and together they have every key.
  return deepFreeze({ name, ...values, routes: routesOf(routes, partialValues), origins } as unknown as Policy);
}

/** What a valid file, or a route of one, says for itself, in the units of a policy. */
function partialValues(file: object): Readonly<Record<string, unknown>> {
  const values: Values = {};
  for (const pointer of pointersIn(file)) putValue(values, pointer, valueAt(file, pointer));
  return values;
}

function pointersIn(file: object): readonly string[] {
  return valuePointers.filter((pointer) => valueAt(file, pointer) !== undefined);
}

const paths = new Map(valuePointers.map((pointer) => [pointer, pointer.split('/').slice(1)]));

function valueAt(file: unknown, pointer: string): unknown {
  let part = file;
  for (const name of paths.get(pointer) ?? []) {
    if (!isRecord(part)) return undefined;
    part = part[name];
  }
  return part;
}
