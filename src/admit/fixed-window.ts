import type { Grant, TokenLimit } from './token-buckets.ts';

/** A limit as a counter with an expiry enforces it: so many points from the first take on, for so long. */
export type FixedWindow = { readonly points: number; readonly seconds: number; readonly blockSeconds: number };

/**
 * A window is as long as a bucket takes to fill, and holds a bucket: the same rate in the long run, though around the end of a
 * window a key can get two bursts. It is stretched to whole seconds and its points with it, because expiries of less than a
 * second are none in rate-limiter-flexible: such a counter would never start anew. A block is rounded up for the same reason.
 */
export function fixedWindowOf({ requests, perMs, burst, blockMs }: TokenLimit): FixedWindow {
  const seconds = Math.ceil((burst * perMs) / (requests * 1000));
  const points = Math.floor((seconds * 1000 * requests) / perMs);
  return { points, seconds, blockSeconds: Math.ceil(blockMs / 1000) };
}

/**
 * What a take got of which the counter says so much afterwards, `tokens` included. A take that passes the points counts whole,
 * but nobody gets less by it: until the window ends there is nothing left either way.
 */
export function grantOf({ points }: FixedWindow, tokens: number, consumed: number, msBeforeNext: number): Grant {
  const granted = Math.max(0, Math.min(tokens, points - (consumed - tokens)));
  return granted === tokens ? [granted, 0] : [granted, Math.max(1, Math.ceil(msBeforeNext))];
}
