import { locate, positionsIn, type SourceDocument } from './locate.ts';
import type { PolicyFile } from './policy-file.generated.ts';
import type { Problem } from './validate.ts';

type RouteOfFile = NonNullable<PolicyFile['routes']>[number];

/** Routes that take the same requests with the same right: their methods, or `any`, by the index of the route. */
type Rivals = Map<string, number>;

/** Routes that take everything, and those that tie: which of two would count could only be guessed. */
export function* routeProblems(document: SourceDocument, { routes = [] }: PolicyFile): Generator<Problem> {
  const rivalsOf = new Map<string, Rivals>();
  const positionOf = positionsIn(document.text);
  for (const [index, route] of routes.entries()) {
    const pointer = `/routes/${index}`;
    if (route.hosts === undefined && route.path === undefined && route.methods === undefined) {
      yield { pointer, problem: 'expected hosts, path or methods: without them it would take every request' };
      continue;
    }
    const tie = firstTie(rivalsOf, index, route);
    if (tie === undefined) continue;
    const { line, column } = positionOf(locate(document, `/routes/${tie.index}`)?.node.start ?? 0);
    yield {
      pointer,
      problem: `expected no two routes alike: this one and the route at ${line}:${column} both take ${tie.request}`,
    };
  }
}

type Tie = { readonly index: number; readonly request: string };

function firstTie(rivalsOf: Map<string, Rivals>, index: number, route: RouteOfFile): Tie | undefined {
  const { path = '' } = route;
  let tie: Tie | undefined;
  for (const host of new Set((route.hosts ?? ['']).map((name) => name.toLowerCase()))) {
    const place = `${host}\n${path}`;
    const rivals = rivalsOf.get(place) ?? new Map<string, number>();
    rivalsOf.set(place, rivals);
    for (const method of route.methods ?? ['']) {
      const rival = rivals.get(method);
      if (rival === undefined) rivals.set(method, index);
      else tie ??= { index: rival, request: described(method, path, host) };
    }
  }
  return tie;
}

function described(method: string, path: string, host: string): string {
  const request = [method, path].filter((part) => part !== '').join(' ') || 'requests';
  return host === '' ? request : `${request} of ${host}`;
}
