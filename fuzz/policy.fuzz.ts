import { isDeepStrictEqual } from 'node:util';
import { patternProblem } from '../src/inspect/path-pattern.ts';
import { policyFrom } from '../src/policy/load.ts';
import { escapeSegment, type SourceNode } from '../src/policy/locate.ts';
import { PolicyError } from '../src/policy/mistake.ts';
import type { PartialValues, Policy, RateLimit, Route } from '../src/policy/policy.ts';
import { type PolicyPointer, policyKeys } from '../src/policy/policy-file.generated.ts';
import { type PolicyInForce, putInForce } from '../src/policy/policy-in-force.ts';
import { type PolicyKey, schemaPointer } from '../src/policy/policy-key.ts';
import { parseDocument } from '../src/policy/source-document.ts';
import { routesFor } from './oracle/route-choice.ts';
import { requestsFor, routeOf } from './routed-requests.ts';
import { Violation } from './violation.ts';

/** What the bytes are called in messages. */
const jsonFile = 'site.json';
/** Fifty of each of two sorts, each with the line of its place and a caret, and one line that counts the rest. */
const mostLines = 301;
const longestLine = 1000;
/** Nothing that drives or reorders a terminal. */
const line = /^site\.(?:json|yaml)(?::([1-9]\d*):([1-9]\d*))?: [^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+$/u;
const shownLine = /^ *([1-9]\d*) \|(?: [^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]*)?$/u;
const caretLine = /^ +\| +\^$/;

const prototypes: readonly object[] = [Object.prototype, Array.prototype, String.prototype, Function.prototype];
const untouched = prototypes.map((prototype) => Reflect.ownKeys(prototype).length);

const yamlFile = 'site.yaml';
/** An input that begins with it is YAML without it; no JSON does. */
const yamlMark = '#'.charCodeAt(0);

/** Any bytes are a policy or a refusal in words, as `verdict` has it. */
export function fuzz(data: Buffer): void {
  if (data[0] === yamlMark) verdict(data.subarray(1), yamlFile);
  else verdict(data);
}

export function yamlInput(text: string): Buffer {
  return Buffer.from(`#${text}`);
}

/**
 * Any bytes are a policy or a `PolicyError`, the same twice, and leave no trace. A policy is frozen, within the ranges of the
 * schema, and made of keys that the schema knows, each once; without its comments, and written anew from its own values, it
 * is accepted as the same one. It can be put in force, and each request takes the route that a plain reading of its routes
 * gives, of which no two have the same right. A refusal has printable, bounded lines, each with the file and, where it has one, a place
 * inside it and below it the line of that place with a caret.
 */
export function verdict(bytes: Uint8Array, file = jsonFile): 'policy' | 'refused' {
  const outcome = policyOrError(bytes, file);
  const again = policyOrError(bytes, file);
  if (prototypes.some((prototype, index) => Reflect.ownKeys(prototype).length !== untouched[index])) {
    throw new Violation('no-pollution', 'a prototype has another key');
  }
  if (outcome instanceof PolicyError) {
    if (!(again instanceof PolicyError) || again.message !== outcome.message) {
      throw new Violation('same-verdict', `refused, then ${describe(again)}`);
    }
    checkMessage(outcome.message, bytes);
    return 'refused';
  }
  if (again instanceof PolicyError || !isDeepStrictEqual(again, outcome)) {
    throw new Violation('same-verdict', `accepted, then ${describe(again)}`);
  }
  checkFrozen(outcome);
  checkRanges(outcome);
  const { root } = parseDocument(bytes, file);
  checkKeys(root, '');
  checkSame('without-comments', outcome, root.value);
  checkSame('written-anew', outcome, fileOf(outcome));
  checkRoutes(outcome);
  return 'policy';
}

function policyOrError(bytes: Uint8Array, file = jsonFile): Policy | PolicyError {
  try {
    return policyFrom(bytes, file);
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw new Violation('policy-or-error', error instanceof Error ? `${error.stack}` : String(error));
  }
}

function describe(outcome: Policy | PolicyError): string {
  return outcome instanceof PolicyError ? outcome.message : JSON.stringify(outcome);
}

function checkMessage(message: string, bytes: Uint8Array): void {
  const lines = message.split('\n');
  if (lines.length > mostLines) throw new Violation('bounded-message', `${lines.length} lines`);
  // Each line end of the text is a byte at least, and so is each column.
  for (const [index, text] of lines.entries()) {
    if (shownLine.test(text) && caretLine.test(lines[index + 1] ?? '')) continue;
    if (caretLine.test(text) && shownLine.test(lines[index - 1] ?? '')) continue;
    if (text.length >= longestLine) throw new Violation('bounded-message', `a line of ${text.length} characters`);
    const [, row, column] = line.exec(text) ?? [undefined, '', ''];
    if (row === '') throw new Violation('printable-message', JSON.stringify(text));
    if (Number(row ?? 1) > bytes.length + 1 || Number(column ?? 1) > bytes.length + 1) {
      throw new Violation('place-in-file', `${text}, in ${bytes.length} bytes`);
    }
    if (row !== undefined && shownLine.exec(lines[index + 1] ?? '')?.[1] !== row) {
      throw new Violation('shown-line', JSON.stringify(lines.slice(index, index + 3)));
    }
  }
}

function checkFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Object.isFrozen(value)) throw new Violation('frozen', JSON.stringify(value));
  for (const part of Object.values(value)) checkFrozen(part);
}

const keys: Readonly<Partial<Record<string, PolicyKey>>> = policyKeys;

/** What is not understood is not accepted, nor what two readers would read in two ways. */
function checkKeys({ members = [], elements = [] }: SourceNode, pointer: string): void {
  const kind = keys[schemaPointer(pointer)]?.kind;
  const seen = new Set<string>();
  for (const { name, node } of members) {
    const inner = `${pointer}/${escapeSegment(name)}`;
    // The keys of an environ are the operator's own.
    if (kind !== 'map' && !Object.hasOwn(policyKeys, schemaPointer(inner))) throw new Violation('known-keys', inner);
    if (seen.has(name)) throw new Violation('each-key-once', inner);
    seen.add(name);
    checkKeys(node, inner);
  }
  if (kind !== 'objects') return;
  for (const [index, element] of elements.entries()) checkKeys(element, `${pointer}/${index}`);
}

type Parts = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/** Which value of a policy each quantity of a file becomes. */
const quantities: readonly (readonly [pointer: PolicyPointer, part: string, name: string])[] = [
  ['/request/line/maxBytes', 'request', 'lineBytes'],
  ['/request/fields/maxCount', 'request', 'fieldCount'],
  ['/request/fields/maxFieldBytes', 'request', 'fieldBytes'],
  ['/request/fields/maxTotalBytes', 'request', 'totalFieldBytes'],
  ['/request/content/maxBytes', 'request', 'contentBytes'],
  ['/request/content/memoryBytes', 'request', 'contentMemoryBytes'],
  ['/timeouts/head', 'timeouts', 'headMs'],
  ['/timeouts/content', 'timeouts', 'contentMs'],
  ['/timeouts/contentMinRate', 'timeouts', 'contentMinRate'],
  ['/timeouts/write', 'timeouts', 'writeMs'],
  ['/timeouts/writeMinRate', 'timeouts', 'writeMinRate'],
  ['/timeouts/rateGrace', 'timeouts', 'rateGraceMs'],
  ['/timeouts/queue', 'timeouts', 'queueMs'],
  ['/timeouts/worker', 'timeouts', 'workerMs'],
  ['/keepAlive/idle', 'keepAlive', 'idleMs'],
  ['/keepAlive/maxRequests', 'keepAlive', 'maxRequests'],
  ['/keepAlive/maxAge', 'keepAlive', 'maxAgeMs'],
  ['/connections/max', 'connections', 'max'],
  ['/connections/maxPerClient', 'connections', 'maxPerClient'],
  ['/memory/budgetBytes', 'memory', 'budgetBytes'],
  ['/spool/maxBytes', 'spool', 'maxBytes'],
  ['/clients/ipv6Prefix', 'proxies', 'ipv6Prefix'],
  ['/clients/trustedHops', 'proxies', 'hops'],
  ['/rateLimitStore/timeout', 'rateLimitStore', 'timeoutMs'],
  ['/rateLimitStore/maxKeys', 'rateLimitStore', 'maxKeys'],
  ['/jail/maxScore', 'jail', 'maxScore'],
  ['/jail/decay', 'jail', 'decayMs'],
  ['/jail/block', 'jail', 'blockMs'],
  ['/jail/malformedScore', 'jail', 'malformedScore'],
  ['/jail/forbiddenScore', 'jail', 'forbiddenScore'],
  ['/jail/tooLargeScore', 'jail', 'tooLargeScore'],
  ['/jail/tooSlowScore', 'jail', 'tooSlowScore'],
  ['/jail/tooManyScore', 'jail', 'tooManyScore'],
  ['/queue/max', 'queue', 'max'],
  ['/response/bufferBytes', 'response', 'bufferBytes'],
];

/** The choices and lists, which stand in a policy as they do in a file. */
const asWritten: readonly (readonly [pointer: PolicyPointer, part: string, name: string])[] = [
  ['/request/methods', 'request', 'methods'],
  ['/request/hosts', 'request', 'hosts'],
  ['/request/target/dotSegments', 'request', 'dotSegments'],
  ['/request/target/encodedSlash', 'request', 'encodedSlash'],
  ['/request/fields/underscores', 'request', 'underscores'],
  ['/request/content/delivery', 'request', 'delivery'],
  ['/request/trailers', 'request', 'trailers'],
  ['/clients/allow', 'clients', 'allow'],
  ['/clients/deny', 'clients', 'deny'],
  ['/clients/trustedProxies', 'proxies', 'trusted'],
  ['/clients/forwardedFields', 'proxies', 'fields'],
  ['/clients/proxyProtocol', 'proxies', 'protocol'],
  ['/rateLimitStore/outage', 'rateLimitStore', 'outage'],
];

function valueIn(values: object, part: string, name: string): unknown {
  return (values as Parts)[part]?.[name];
}

/** Timers count in 31 bits, and what overflows them fires at once. */
const longestTimer = 2 ** 31 - 1;
const host = /^(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/;

const block = /^[0-9a-f.:]+(?:\/(?:0|[1-9][0-9]{0,2}))?$/i;

function checkRanges(policy: Policy): void {
  checkValues(policy, '');
  checkRateLimits(policy);
  if (policy.name !== 'site') throw new Violation('sane-values', `the name is ${policy.name}`);
  for (const [index, { hosts, path, methods, values }] of policy.routes.entries()) {
    const pointer = `/routes/${index}`;
    if (hosts === null && path === null && methods === null) throw new Violation('sane-values', `${pointer} takes all`);
    if (hosts?.every((name) => host.test(name)) === false) throw new Violation('sane-values', `${pointer} of ${hosts}`);
    if (path !== null && patternProblem(path) !== undefined) throw new Violation('sane-values', `${pointer}: ${path}`);
    checkValues(values, `${pointer}`);
  }
}

/** Of a policy all values are there, of a route those that it says itself and none that are not for routes. */
function checkValues(values: PartialValues, pointer: string): void {
  const isWhole = pointer === '';
  for (const [inner, part, name] of [...quantities, ...asWritten]) {
    const value = valueIn(values, part, name);
    const mayStand = isWhole || Object.hasOwn(policyKeys, `/routes/*${inner}`);
    if (value === undefined ? isWhole : !(mayStand && isSane(policyKeys[inner], value, name))) {
      throw new Violation('sane-values', `${pointer}${inner} is ${JSON.stringify(value)}`);
    }
  }
  const modes = [...Object.values(values.rules ?? {}), values.mode ?? 'enforce'];
  if (!modes.every((mode) => mode === 'enforce' || mode === 'observe')) {
    throw new Violation('sane-values', `${pointer} has the modes ${modes}`);
  }
}

/** Each limit within the ranges of the schema; a name is one limit in the whole policy, and once in each list. */
function checkRateLimits({ rateLimits, routes }: Policy): void {
  const named = new Map<string, RateLimit>();
  for (const limits of [rateLimits, ...routes.map(({ values }) => values.rateLimits ?? [])]) {
    if (new Set(limits.map(({ name }) => name)).size < limits.length || limits.length > 16) {
      throw new Violation('sane-values', `rate limits ${JSON.stringify(limits)}`);
    }
    for (const limit of limits) {
      const same = named.get(limit.name) ?? limit;
      if (!isSaneLimit(limit) || !isDeepStrictEqual(same, limit)) {
        throw new Violation('sane-values', `a rate limit ${JSON.stringify(limit)}, and ${JSON.stringify(same)}`);
      }
      named.set(limit.name, limit);
    }
  }
}

function isSaneLimit({ name, key, accuracy, requests, perMs, burst, blockMs, cost }: RateLimit): boolean {
  const numbers = { requests, per: perMs, burst, block: blockMs === 0 ? 1000 : blockMs, cost };
  return (
    /^[a-z0-9-]{1,64}$/.test(name) &&
    /^(?:client|route|header:[a-z0-9-]{1,64})$/.test(key) &&
    ['leased', 'exact'].includes(accuracy) &&
    Object.entries(numbers).every(([part, value]) => isSane(keyOfLimit(part), value, part)) &&
    cost <= burst
  );
}

function keyOfLimit(name: string): PolicyKey {
  return policyKeys[`/rateLimits/*/${name}` as PolicyPointer];
}

function isSane(key: PolicyKey, value: unknown, name: string): boolean {
  switch (key.kind) {
    case 'choice':
      return key.values.some((choice) => choice === value);
    case 'list': {
      if (!Array.isArray(value) || value.length < key.minItems || value.length > key.maxItems) return false;
      const form = name === 'hosts' ? host : block;
      return value.every((element) => (key.values.length > 0 ? key.values.includes(element) : form.test(element)));
    }
    case 'size':
    case 'rate':
    case 'count':
    case 'duration': {
      const [unit, most] = key.kind === 'duration' ? [1000, longestTimer] : [1, Number.MAX_SAFE_INTEGER];
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value > most) return false;
      return value >= key.minimum * unit && value <= key.maximum * unit;
    }
    default:
      return false;
  }
}

/** The tables that the server looks routes up in, against asking each route and sorting those that answer. */
function checkRoutes(policy: Policy): void {
  const inForce = inForceOf(policy);
  const { general, headLimits } = inForce;
  if (general.request.lineBytes < headLimits.lineBytes && !general.checksHeadLimits) {
    throw new Violation('head-limits', `${headLimits.lineBytes} bytes of a line, and nobody checks the general limit`);
  }
  if (policy.routes.length === 0) return;
  for (const request of requestsFor(policy.routes)) {
    const found = routeOf(request, inForce);
    if (found === undefined) continue;
    const [first, second] = routesFor(policy.routes, request);
    if (first !== undefined && first.rank === second?.rank) {
      throw new Violation('no-ties', `routes ${first.index} and ${second.index} for ${JSON.stringify(request)}`);
    }
    if (found === (first?.index ?? null)) continue;
    throw new Violation('route', `${found} instead of ${first?.index ?? null} for ${JSON.stringify(request)}`);
  }
}

function inForceOf(policy: Policy): PolicyInForce {
  try {
    return putInForce(policy);
  } catch (error) {
    throw new Violation('in-force', error instanceof Error ? `${error.stack}` : String(error));
  }
}

/** `written` is a file's value; places in files differ, values may not. */
function checkSame(invariant: string, { origins, ...values }: Policy, written: unknown): void {
  const text = JSON.stringify(written);
  const again = policyOrError(Buffer.from(text));
  if (again instanceof PolicyError) throw new Violation(invariant, `${again.message}\nof ${text}`);
  const { origins: origins2, ...values2 } = again;
  if (isDeepStrictEqual(values2, values) && isDeepStrictEqual(Object.keys(origins2), Object.keys(origins))) return;
  throw new Violation(invariant, `${JSON.stringify(values2)}\nat first: ${JSON.stringify(values)}`);
}

/** The file that says all that a policy has, in bare numbers: bytes and seconds. */
function fileOf(policy: Policy): unknown {
  return { ...partialFileOf(policy), routes: policy.routes.map(routeFileOf) };
}

/** Of `name` in the schema. What is longer was made of the rest of the route, and will be again. */
const longestName = 100;

function routeFileOf({ label, hosts, path, methods, values }: Route): unknown {
  const pattern = Object.entries({ hosts, path, methods }).filter(([, value]) => value !== null);
  const name = [...label].length > longestName ? {} : { name: label };
  return { ...name, ...Object.fromEntries(pattern), ...partialFileOf(values) };
}

function partialFileOf(values: PartialValues): object {
  const file: Record<string, unknown> = {};
  if (values.mode !== undefined) file['mode'] = values.mode;
  if (values.rules !== undefined) file['rules'] = values.rules;
  if (values.rateLimits !== undefined) file['rateLimits'] = values.rateLimits.map(limitFileOf);
  for (const [pointer, part, name] of [...quantities, ...asWritten]) {
    const value = valueIn(values, part, name);
    if (value === undefined) continue;
    const unit = policyKeys[pointer].kind === 'duration' ? 1000 : 1;
    put(file, pointer, typeof value === 'number' ? value / unit : value);
  }
  return file;
}

function limitFileOf({ perMs, blockMs, ...said }: RateLimit): object {
  // A file says that there is no block by leaving it out.
  return { ...said, per: perMs / 1000, ...(blockMs === 0 ? {} : { block: blockMs / 1000 }) };
}

function put(file: Record<string, unknown>, pointer: string, value: unknown): void {
  const path = pointer.split('/').slice(1);
  let part = file;
  for (const name of path.slice(0, -1)) {
    part[name] ??= {};
    part = part[name] as Record<string, unknown>;
  }
  part[path.at(-1) ?? ''] = value;
}
