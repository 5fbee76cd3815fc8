import { limitId } from '../admit/limit-in-force.ts';
import type { Policy, RateLimit } from './policy.ts';

/**
 * All rate limits of a policy, those of routes among them, by the id under which edges ask for their tokens. A route may have
 * one of the same name that says something else, where its file and that of the policy are two: those are two limits.
 */
export function rateLimitsById({
  rateLimits,
  routes,
}: Pick<Policy, 'rateLimits' | 'routes'>): ReadonlyMap<string, RateLimit> {
  const ofRoutes = routes.flatMap(({ values }) => values.rateLimits ?? []);
  return new Map([...rateLimits, ...ofRoutes].map((limit) => [limitId(limit), limit]));
}
