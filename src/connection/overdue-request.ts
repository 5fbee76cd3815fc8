import type { Rejection } from '../rejection/rejection.ts';
import { describeRequest } from '../upstream/describe-request.ts';
import type { DispatchedRequest } from '../upstream/dispatch.ts';

/** The refusal of a request that the application was too long about, with what its operator has to know of it. */
export function overdue(
  rejection: Rejection,
  { subject, phase }: DispatchedRequest,
  ageMs: number,
  route: string | null,
): Rejection {
  const ofRoute = route === null ? '' : `, route ${route}`;
  return { ...rejection, detail: `${rejection.detail}; ${describeRequest({ subject, phase, ageMs })}${ofRoute}` };
}
