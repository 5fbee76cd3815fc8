import { type Rejection, reject } from '../rejection/rejection.ts';
import type { LimitInForce } from './limit-in-force.ts';

/**
 * A request above a limit, which may come again in `waitMs`: Retry-After (RFC 9110 section 10.2.3, whole seconds), and the
 * fields of draft-ietf-httpapi-ratelimit-headers-10, by which a client can tell which limit it was and keep to it.
 */
export function exceeded({ name, excess, policyLine }: LimitInForce, waitMs: number): Rejection {
  const seconds = wholeSeconds(waitMs);
  const fields = `${retryAfter(seconds)}${policyLine}RateLimit: "${name}";r=0;t=${seconds}\r\n`;
  return reject('rate.exceeded', excess, fields);
}

export function blocked(waitMs: number): Rejection {
  const seconds = wholeSeconds(waitMs);
  return reject('client.blocked', `for another ${seconds} s`, retryAfter(seconds));
}

/** Rounded up: a client that comes when it was told to must not be too early. 0 would be an invitation. */
function wholeSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}

function retryAfter(seconds: number): string {
  return `Retry-After: ${seconds}\r\n`;
}
