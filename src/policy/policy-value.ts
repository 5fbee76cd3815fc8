import type { RateLimit } from './policy.ts';
import { type PolicyFile, policyKeys } from './policy-file.generated.ts';
import { parseDuration, parseRate, parseSize, toMilliseconds } from './quantity.ts';
import { lowerCaseOnce } from './route.ts';

/** Where a value of a file stands in a policy, in which the unit has its name. */
type Place = { readonly part: string; readonly name?: string; readonly convert?: (value: never) => unknown };

const places: Readonly<Record<string, Place>> = {
  '/mode': { part: 'mode' },
  '/request/line/maxBytes': { part: 'request', name: 'lineBytes', convert: bytes },
  '/request/methods': { part: 'request', name: 'methods' },
  '/request/target/dotSegments': { part: 'request', name: 'dotSegments' },
  '/request/target/encodedSlash': { part: 'request', name: 'encodedSlash' },
  '/request/hosts': { part: 'request', name: 'hosts', convert: lowerCaseOnce },
  '/request/fields/maxCount': { part: 'request', name: 'fieldCount' },
  '/request/fields/maxFieldBytes': { part: 'request', name: 'fieldBytes', convert: bytes },
  '/request/fields/maxTotalBytes': { part: 'request', name: 'totalFieldBytes', convert: bytes },
  '/request/fields/underscores': { part: 'request', name: 'underscores' },
  '/request/content/maxBytes': { part: 'request', name: 'contentBytes', convert: bytes },
  '/request/content/memoryBytes': { part: 'request', name: 'contentMemoryBytes', convert: bytes },
  '/request/content/delivery': { part: 'request', name: 'delivery' },
  '/request/trailers': { part: 'request', name: 'trailers' },
  '/timeouts/head': { part: 'timeouts', name: 'headMs', convert: milliseconds },
  '/timeouts/content': { part: 'timeouts', name: 'contentMs', convert: milliseconds },
  '/timeouts/contentMinRate': { part: 'timeouts', name: 'contentMinRate', convert: bytesPerSecond },
  '/timeouts/write': { part: 'timeouts', name: 'writeMs', convert: milliseconds },
  '/timeouts/writeMinRate': { part: 'timeouts', name: 'writeMinRate', convert: bytesPerSecond },
  '/timeouts/rateGrace': { part: 'timeouts', name: 'rateGraceMs', convert: milliseconds },
  '/timeouts/queue': { part: 'timeouts', name: 'queueMs', convert: milliseconds },
  '/timeouts/worker': { part: 'timeouts', name: 'workerMs', convert: milliseconds },
  '/keepAlive/idle': { part: 'keepAlive', name: 'idleMs', convert: milliseconds },
  '/keepAlive/maxRequests': { part: 'keepAlive', name: 'maxRequests' },
  '/keepAlive/maxAge': { part: 'keepAlive', name: 'maxAgeMs', convert: milliseconds },
  '/connections/max': { part: 'connections', name: 'max' },
  '/connections/maxPerClient': { part: 'connections', name: 'maxPerClient' },
  '/memory/budgetBytes': { part: 'memory', name: 'budgetBytes', convert: bytes },
  '/spool/maxBytes': { part: 'spool', name: 'maxBytes', convert: bytes },
  '/clients/allow': { part: 'clients', name: 'allow' },
  '/clients/deny': { part: 'clients', name: 'deny' },
  '/clients/ipv6Prefix': { part: 'proxies', name: 'ipv6Prefix' },
  '/clients/trustedProxies': { part: 'proxies', name: 'trusted' },
  '/clients/trustedHops': { part: 'proxies', name: 'hops' },
  '/clients/forwardedFields': { part: 'proxies', name: 'fields' },
  '/clients/proxyProtocol': { part: 'proxies', name: 'protocol' },
  '/rateLimits': { part: 'rateLimits', convert: rateLimits },
  '/rateLimitStore/timeout': { part: 'rateLimitStore', name: 'timeoutMs', convert: milliseconds },
  '/rateLimitStore/outage': { part: 'rateLimitStore', name: 'outage' },
  '/rateLimitStore/maxKeys': { part: 'rateLimitStore', name: 'maxKeys' },
  '/jail/maxScore': { part: 'jail', name: 'maxScore' },
  '/jail/decay': { part: 'jail', name: 'decayMs', convert: milliseconds },
  '/jail/block': { part: 'jail', name: 'blockMs', convert: milliseconds },
  '/jail/malformedScore': { part: 'jail', name: 'malformedScore' },
  '/jail/forbiddenScore': { part: 'jail', name: 'forbiddenScore' },
  '/jail/tooLargeScore': { part: 'jail', name: 'tooLargeScore' },
  '/jail/tooSlowScore': { part: 'jail', name: 'tooSlowScore' },
  '/jail/tooManyScore': { part: 'jail', name: 'tooManyScore' },
  '/queue/max': { part: 'queue', name: 'max' },
  '/response/bufferBytes': { part: 'response', name: 'bufferBytes', convert: bytes },
};

/** Keys that a policy may lack: what they say is an exception to another key. */
export function isRuleMode(pointer: string): boolean {
  return pointer.startsWith('/rules/');
}

/** These are about the file, or no values. */
const withoutPlace: readonly string[] = ['/$schema', '/extends', '/routes', '/tests'];

/** The pointers of all that a policy can say once for all requests, in the order of the schema. */
export const valuePointers: readonly string[] = Object.entries(policyKeys).flatMap(([pointer, { kind }]) =>
  kind === 'object' || pointer.includes('/*') || withoutPlace.includes(pointer) ? [] : [pointer],
);

/** A policy in the making. */
export type Values = Record<string, unknown> & { rules?: Record<string, unknown> };

/** The value behind a pointer of the schema, in the unit of a policy. Undefined if it has none, as modes of rules may. */
export function policyValue(policy: object, pointer: string): unknown {
  const { part, name } = isRuleMode(pointer)
    ? { part: 'rules', name: pointer.slice('/rules/'.length) }
    : (places[pointer] ?? { part: '', name: undefined });
  const inner = (policy as Record<string, unknown>)[part];
  return name === undefined || !isRecord(inner) ? inner : inner[name];
}

/** Puts the value of a file, behind a pointer of `valuePointers`, to its place in a policy. */
export function putValue(values: Values, pointer: string, value: unknown): void {
  if (isRuleMode(pointer)) {
    values.rules ??= {};
    values.rules[pointer.slice('/rules/'.length)] = value;
    return;
  }
  const place = places[pointer];
  if (place === undefined) throw new Error(`${pointer} has no place in a policy`);
  const converted = place.convert === undefined ? value : place.convert(value as never);
  if (place.name === undefined) values[place.part] = converted;
  else values[place.part] = { ...(values[place.part] as object | undefined), [place.name]: converted };
}

function bytes(size: number | string): number {
  return typeof size === 'number' ? size : (parseSize(size) ?? invalid(size));
}

function milliseconds(duration: number | string): number {
  return toMilliseconds(typeof duration === 'number' ? duration : (parseDuration(duration) ?? invalid(duration)));
}

function bytesPerSecond(rate: number | string): number {
  return typeof rate === 'number' ? rate : (parseRate(rate) ?? invalid(rate));
}

/** What an element leaves out says the schema. */
function rateLimits(limits: NonNullable<PolicyFile['rateLimits']>): readonly RateLimit[] {
  return limits.map(
    ({ name, key = 'client', requests, per, burst = requests, block = 0, cost = 1, accuracy = 'leased' }) => ({
      name,
      key: key.toLowerCase(),
      requests,
      perMs: milliseconds(per),
      burst,
      blockMs: milliseconds(block),
      cost,
      accuracy,
    }),
  );
}

function invalid(text: string): never {
  throw new Error(`${text} has passed validation and is no quantity`);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
