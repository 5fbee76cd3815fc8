import type { Rejection } from '../rejection/rejection.ts';

/** What a client did to be refused, as the jail counts it. */
export type Offence = 'malformed' | 'forbidden' | 'tooLarge' | 'tooSlow' | 'tooMany';

/** Points for each, and the score at which a client is blocked; 0: nobody is. Source: `/jail`. */
export type OffencePolicy = {
  readonly maxScore: number;
  readonly malformedScore: number;
  readonly forbiddenScore: number;
  readonly tooLargeScore: number;
  readonly tooSlowScore: number;
  readonly tooManyScore: number;
};

const offencesByStatus = new Map<number | null, Offence>([
  [400, 'malformed'],
  [417, 'malformed'],
  [501, 'malformed'],
  [505, 'malformed'],
  [403, 'forbidden'],
  [404, 'forbidden'],
  [405, 'forbidden'],
  [421, 'forbidden'],
  [413, 'tooLarge'],
  [414, 'tooLarge'],
  [431, 'tooLarge'],
  [408, 'tooSlow'],
  [429, 'tooMany'],
]);

/**
 * Null: it is not held against the client. 502, 503 and 504 are about us, and so is an upstream that takes less than the
 * policy allows; a client that stays away is no offender, nor is one that leaves in the middle, as browsers do when somebody
 * stops an upload, nor one that comes back while it is blocked, or no block would ever end. One connection too many is
 * `tooMany` where those of one client are counted, which its rule does not tell: the caller says so.
 */
export function offenceOf({ rule, status, isCutShort }: Rejection): Offence | null {
  if (rule === 'client.blocked' || rule === 'upstream.too-large' || isCutShort === true) return null;
  if (rule === 'timeout.write' || rule === 'response.too-slow') return 'tooSlow';
  return offencesByStatus.get(status) ?? null;
}

export function pointsOf(offence: Offence, policy: OffencePolicy): number {
  return policy.maxScore === 0 ? 0 : policy[`${offence}Score`];
}
