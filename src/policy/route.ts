import { excerpt } from './excerpt.ts';
import type { PartialValues, Route } from './policy.ts';
import type { PolicyFile } from './policy-file.generated.ts';

type RouteOfFile = NonNullable<PolicyFile['routes']>[number];

/** What a label is made of. */
type Named = {
  readonly name?: string;
  readonly hosts?: readonly string[];
  readonly methods?: readonly string[];
  readonly path?: string;
};

const maxLabelLength = 120;

/** The routes of a valid file. `valuesOf` reads what one of them says for itself. */
export function routesOf(
  routes: readonly RouteOfFile[],
  valuesOf: (route: RouteOfFile) => PartialValues,
): readonly Route[] {
  return routes.map((route) => {
    const { path = null, methods = null } = route;
    const hosts = route.hosts === undefined ? null : lowerCaseOnce(route.hosts);
    const label = labelOf(hosts === null ? route : { ...route, hosts });
    return { label, hosts, path, methods, values: valuesOf(route) };
  });
}

/** What people call a route: `api.example.com POST /upload/*`. */
export function labelOf({ name, hosts = [], methods = [], path }: Named): string {
  if (name !== undefined) return name;
  const parts = [hosts.join(','), methods.join(','), path ?? ''].filter((part) => part !== '');
  return excerpt(parts.join(' '), maxLabelLength);
}

/** One host in two letter cases is one host. */
export function lowerCaseOnce(hosts: readonly string[]): readonly string[] {
  return [...new Set(hosts.map((host) => host.toLowerCase()))];
}
