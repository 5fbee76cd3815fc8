import type { ParserContext } from '../http1/request-parser.ts';
import { type PatternParts, partsOf } from '../inspect/path-pattern.ts';
import type { Doubt } from '../policy/coherence.ts';
import { withValues } from '../policy/effective.ts';
import { originOf } from '../policy/origin.ts';
import type { Policy, Route } from '../policy/policy.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { nobody } from './arriving.ts';
import { explainFirst } from './explain.ts';
import { anyHost, requestFrom, type SampleRequest } from './sample-request.ts';

/**
 * Every open route is compared with every guarded one, and where both may take a request, it is sent. Beyond so many, which
 * no hand has written, the search would hold up the start.
 */
const mostPairs = 250_000;
const mostRequests = 10_000;

/**
 * Routes that let everybody in where a less specific one lists addresses. Routes do not add up, and whoever comes from
 * nginx expects that they do. The request is the counter-example: it went through the parser and the checks. A route that
 * says `allow` itself, even an empty one, means what it says.
 */
export function waysAround(inForce: PolicyInForce, context: ParserContext): readonly Doubt[] {
  const { policy } = inForce;
  const { routes } = policy;
  if (policy.clients.allow.length > 0) return [];
  const all = routes.map((route, index) => ({ route, index }));
  const guarded = all.filter(({ route }) => (route.values.clients?.allow ?? []).length > 0);
  const open = all.filter(({ route }) => route.values.clients?.allow === undefined);
  if (open.length * guarded.length > mostPairs) return [];
  let requests = 0;
  return open.flatMap(({ route, index }) => {
    for (const guard of guarded) {
      const request = requestOfBoth(route, guard.route, policy);
      if (request === undefined) continue;
      requests += 1;
      if (requests > mostRequests) break;
      if (!passes(request, index, inForce, context)) continue;
      const pointer = `/routes/${index}`;
      const problem = `this route takes ${request.text} from everybody, though the route ${guard.route.label} lists who may send it; routes do not add up: say clients here too, or "allow": [] for everybody`;
      return [{ pointer, origin: originOf(policy, pointer), problem }];
    }
    return [];
  });
}

/** Whether this route takes the request, of several that could, and nothing refuses it. */
function passes(
  { bytes, arriving }: SampleRequest,
  index: number,
  inForce: PolicyInForce,
  context: ParserContext,
): boolean {
  const { rejection, effective } = explainFirst(bytes, inForce, arriving, context);
  return rejection === null && effective.route === index;
}

/** The plainest request that both routes would take, were the other one not there. */
function requestOfBoth(route: Route, guard: Route, policy: Policy): SampleRequest | undefined {
  const path = patternOfBoth(route.path ?? '/*', guard.path ?? '/*');
  if (path === undefined) return undefined;
  const { methods } = withValues(policy, route.values).request;
  const method = methods.find((name) => takes(route.methods, name) && takes(guard.methods, name));
  const host = hostOfBoth(route.hosts, guard.hosts, policy.request.hosts[0] ?? anyHost);
  if (method === undefined || host === undefined) return undefined;
  return requestFrom({ method, path, host }, nobody, policy.name);
}

function takes(methods: readonly string[] | null, method: string): boolean {
  return methods === null || methods.includes(method);
}

function hostOfBoth(
  left: readonly string[] | null,
  right: readonly string[] | null,
  anyHost: string,
): string | undefined {
  if (left === null || right === null) return (left ?? right)?.[0] ?? anyHost;
  for (const one of left) {
    for (const other of right) {
      if (holds(one, other)) return other;
      if (holds(other, one)) return one;
    }
  }
  return undefined;
}

/** `*.example.com` holds `a.example.com` and `*.a.example.com`. */
function holds(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
}

/** The shortest pattern that lies in both; undefined where no path does. */
function patternOfBoth(left: string, right: string): string | undefined {
  const one = partsOf(left);
  const other = partsOf(right);
  const length = Math.max(one.segments.length, other.segments.length);
  const segments: string[] = [];
  for (let at = 0; at < length; at++) {
    const segment = segmentOfBoth(segmentAt(one, at), segmentAt(other, at));
    if (segment === undefined) return undefined;
    segments.push(segment);
  }
  if (one.ending === 'rest') return patternFrom(segments, other.ending);
  if (other.ending === 'rest' || one.ending === other.ending) return patternFrom(segments, one.ending);
  return undefined;
}

function patternFrom(segments: readonly string[], ending: PatternParts['ending']): string {
  const end = { segment: '', slash: '/', rest: '/*' }[ending];
  return `${segments.map((segment) => `/${segment}`).join('')}${end}`;
}

/** Behind the last segment a pattern that ends with the rest takes any. */
function segmentAt({ segments, ending }: PatternParts, at: number): string | undefined {
  return segments[at] ?? (ending === 'rest' ? '*' : undefined);
}

function segmentOfBoth(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return undefined;
  if (one === '*' || one === other) return other;
  return other === '*' ? one : undefined;
}
