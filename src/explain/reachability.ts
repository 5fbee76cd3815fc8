import type { ParserContext } from '../http1/request-parser.ts';
import type { Doubt } from '../policy/coherence.ts';
import { originOf } from '../policy/origin.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import type { Rejection } from '../rejection/rejection.ts';
import { explainFirst } from './explain.ts';
import { sampleRequest } from './sample-request.ts';

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
  const { bytes, text, arriving } = sampleRequest(inForce.policy, index);
  const { rejection, effective, requestLine } = explainFirst(bytes, inForce, arriving, context);
  // One address that is denied tells nothing of the others.
  if (rejection === null || rejection.rule === 'client.denied') return null;
  // Another route took it, or it has no form: then it was no example of this one.
  if (requestLine !== null && effective.route !== index) return null;
  return { request: text, rejection, pointer: rejection.pointer ?? '' };
}

function described({ rule, detail }: Rejection): string {
  return `${rule} (${detail})`;
}
