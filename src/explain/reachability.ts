import type { ParserContext } from '../http1/request-parser.ts';
import { samplePath } from '../inspect/path-pattern.ts';
import type { Doubt } from '../policy/coherence.ts';
import { withValues } from '../policy/effective.ts';
import { originOf } from '../policy/origin.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import type { Rejection } from '../rejection/rejection.ts';
import { arrivalFrom, nobody } from './arriving.ts';
import { explainFirst } from './explain.ts';

/** A request that a part of the policy is there for, and what refuses it. */
type Refused = { readonly request: string; readonly rejection: Rejection; readonly pointer: string };

/**
 * Routes that no request can pass, and policies that none can: for each the plainest request that it is there for is sent
 * through the parser and the checks. The request is the counter-example.
 */
export function unreachable(inForce: PolicyInForce, context: ParserContext): readonly Doubt[] {
  const { policy } = inForce;
  const general = refused(null, inForce, context);
  const routes = policy.routes.map((_, index) => refused(index, inForce, context));
  if (general !== null && routes.every((route) => route !== null)) {
    const { pointer, request, rejection } = general;
    const problem = `no request can pass: ${described(rejection)} refuses even ${request}`;
    return [{ pointer, origin: originOf(policy, pointer), problem }];
  }
  return routes.flatMap((route, index) => {
    if (route === null) return [];
    const pointer = `/routes/${index}`;
    const problem = `no request can pass this route: ${described(route.rejection)} refuses ${route.request}`;
    return [{ pointer, origin: originOf(policy, pointer), problem }];
  });
}

/** The plainest request of a route (null: of none), if it is refused. */
function refused(index: number | null, inForce: PolicyInForce, context: ParserContext): Refused | null {
  const { policy } = inForce;
  const route = index === null ? undefined : policy.routes[index];
  const values = route === undefined ? policy : withValues(policy, route.values);
  const [method = 'GET'] = route?.methods ?? values.request.methods;
  const host = (route?.hosts?.[0] ?? values.request.hosts[0] ?? 'example.com').replace(/^\*/, 'x');
  const path = samplePath(route?.path ?? '/');
  const client = values.clients.allow[0]?.split('/')[0] ?? nobody;
  const bytes = Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'latin1');
  const { rejection, effective, requestLine } = explainFirst(bytes, inForce, arrivalFrom(client, policy.name), context);
  // One address that is denied tells nothing of the others.
  if (rejection === null || rejection.rule === 'client.denied') return null;
  // Another route took it, or it has no form: then it was no example of this one.
  if (requestLine !== null && effective.route !== index) return null;
  return { request: `${method} ${path} of ${host}`, rejection, pointer: rejection.pointer ?? '' };
}

function described({ rule, detail }: Rejection): string {
  return `${rule} (${detail})`;
}
