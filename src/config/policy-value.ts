import type { Policy } from '../policy/policy.ts';
import { formatDuration } from '../policy/quantity.ts';

const duration = (milliseconds: number): string => formatDuration(milliseconds / 1000);

/** By the pointers of `policy.origins`: what stands there, as text. One line for each key of a policy. */
const lookups: Readonly<Record<string, (policy: Policy) => string | number | readonly string[]>> = {
  '/request/line/maxBytes': ({ request }) => request.lineBytes,
  '/request/methods': ({ request }) => request.methods,
  '/request/target/dotSegments': ({ request }) => request.dotSegments,
  '/request/target/encodedSlash': ({ request }) => request.encodedSlash,
  '/request/hosts': ({ request }) => request.hosts,
  '/request/fields/maxCount': ({ request }) => request.fieldCount,
  '/request/fields/maxFieldBytes': ({ request }) => request.fieldBytes,
  '/request/fields/maxTotalBytes': ({ request }) => request.totalFieldBytes,
  '/request/fields/underscores': ({ request }) => request.underscores,
  '/request/content/maxBytes': ({ request }) => request.contentBytes,
  '/request/content/memoryBytes': ({ request }) => request.contentMemoryBytes,
  // The only one there is yet.
  '/request/content/delivery': () => 'stream',
  '/request/trailers': ({ request }) => request.trailers,
  '/timeouts/head': ({ timeouts }) => duration(timeouts.headMs),
  '/timeouts/content': ({ timeouts }) => duration(timeouts.contentMs),
  '/timeouts/write': ({ timeouts }) => duration(timeouts.writeMs),
  '/timeouts/queue': ({ timeouts }) => duration(timeouts.queueMs),
  '/timeouts/worker': ({ timeouts }) => (timeouts.workerMs === 0 ? 'no deadline' : duration(timeouts.workerMs)),
  '/keepAlive/idle': ({ keepAlive }) => duration(keepAlive.idleMs),
  '/keepAlive/maxRequests': ({ keepAlive }) => keepAlive.maxRequests,
  '/connections/max': ({ connections }) => connections.max,
  '/queue/max': ({ queue }) => queue.max,
  '/response/bufferBytes': ({ response }) => response.bufferBytes,
};

/** The value behind a pointer, for people. A pointer that this page does not know shows as `?` rather than not at all. */
export function policyValue(policy: Policy, pointer: string): string {
  const value = lookups[pointer]?.(policy) ?? '?';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  return value.length === 0 ? '(any)' : value.join(',');
}
