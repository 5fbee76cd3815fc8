import type { RequestHead } from '../http1/request-head.ts';
import { findHost } from '../inspect/host.ts';
import { type HostEntry, HostTable } from '../inspect/host-table.ts';
import type { Inspection } from '../inspect/inspect.ts';
import { PathTable } from '../inspect/path-table.ts';

/** Which requests a route takes: all that is not null has to match. */
export type RoutePattern<Value> = {
  readonly hosts: readonly string[] | null;
  readonly path: string | null;
  readonly methods: readonly string[] | null;
  readonly value: Value;
};

/**
 * The most specific route of a request: by host first, then by path, then by method, as in nginx and the servlet
 * specification. Whoever made the list has refused those that tie. Nothing is allocated for a lookup.
 */
export class RouteTable<Value> {
  readonly #byHost: HostTable<RoutesOfHost<Value>> | null;
  readonly #anyHost: RoutesOfHost<Value>;

  constructor(routes: readonly RoutePattern<Value>[]) {
    const byHost = new Map<string, RoutePattern<Value>[]>();
    for (const route of routes) {
      for (const host of new Set(route.hosts ?? [])) addTo(byHost, host, route);
    }
    const hosts = [...byHost].map(([pattern, ofHost]) => ({ pattern, value: new RoutesOfHost(ofHost) }));
    this.#byHost = hosts.length === 0 ? null : new HostTable(hosts);
    this.#anyHost = new RoutesOfHost(routes.filter(({ hosts }) => hosts === null));
  }

  find(head: RequestHead, inspection: Inspection): Value | undefined {
    let entry: HostEntry<RoutesOfHost<Value>> | undefined =
      this.#byHost === null ? undefined : findHost(this.#byHost, head, inspection);
    for (; entry !== undefined; entry = entry.next) {
      const found = entry.values[0]?.find(head.method, inspection);
      if (found !== undefined) return found;
    }
    return this.#anyHost.find(head.method, inspection);
  }
}

/** The routes of one path: first those that name their methods. */
type RoutesOfPath<Value> = readonly RoutePattern<Value>[];

class RoutesOfHost<Value> {
  readonly #byPath: PathTable<RoutesOfPath<Value>>;
  readonly #anyPath: RoutesOfPath<Value>;

  constructor(routes: readonly RoutePattern<Value>[]) {
    const byPath = new Map<string, RoutePattern<Value>[]>();
    for (const route of routes) {
      if (route.path !== null) addTo(byPath, route.path, route);
    }
    this.#byPath = new PathTable([...byPath].map(([pattern, ofPath]) => ({ pattern, value: methodsFirst(ofPath) })));
    this.#anyPath = methodsFirst(routes.filter(({ path }) => path === null));
  }

  find(method: string, { pathBytes, pathStart, pathEnd }: Inspection): Value | undefined {
    const ofPath = this.#byPath.find(pathBytes, pathStart, pathEnd, hasRouteFor, method);
    return routeFor(ofPath ?? this.#anyPath, method)?.value;
  }
}

function hasRouteFor<Value>(routes: RoutesOfPath<Value>, method: string): boolean {
  return routeFor(routes, method) !== undefined;
}

function addTo<Value>(groups: Map<string, RoutePattern<Value>[]>, key: string, route: RoutePattern<Value>): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [route]);
  else group.push(route);
}

function methodsFirst<Value>(routes: RoutesOfPath<Value>): RoutesOfPath<Value> {
  return [...routes.filter(({ methods }) => methods !== null), ...routes.filter(({ methods }) => methods === null)];
}

/** Whoever guards GET means HEAD too, which runs the same code (RFC 9110 section 9.3.2), unless a rival names HEAD itself. */
function routeFor<Value>(routes: RoutesOfPath<Value>, method: string): RoutePattern<Value> | undefined {
  let ofGet: RoutePattern<Value> | undefined;
  for (let index = 0; index < routes.length; index++) {
    const route = routes[index];
    if (route === undefined) continue;
    if (route.methods === null) return ofGet ?? route;
    if (route.methods.includes(method)) return route;
    if (method === 'HEAD' && route.methods.includes('GET')) ofGet = route;
  }
  return ofGet;
}
