import { isDeepStrictEqual } from 'node:util';
import { policyFrom } from '../src/policy/load.ts';
import { escapeSegment, type SourceNode } from '../src/policy/locate.ts';
import { PolicyError } from '../src/policy/mistake.ts';
import type { Policy } from '../src/policy/policy.ts';
import { type PolicyPointer, policyKeys } from '../src/policy/policy-file.generated.ts';
import { parseDocument } from '../src/policy/source-document.ts';
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

/** Any bytes are a policy or a refusal in words, as `verdict` has it. */
export function fuzz(data: Buffer): void {
  verdict(data);
}

/**
 * Any bytes are a policy or a `PolicyError`, the same twice, and leave no trace. A policy is frozen, within the ranges of the
 * schema, and made of keys that the schema knows, each once; without its comments, and written anew from its own values, it
 * is accepted as the same one. A refusal has printable, bounded lines, each with the file and, where it has one, a place
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

/** What is not understood is not accepted, nor what two readers would read in two ways. */
function checkKeys({ members = [] }: SourceNode, pointer: string): void {
  for (const { name, node } of members) {
    const inner = `${pointer}/${escapeSegment(name)}`;
    if (!Object.hasOwn(policyKeys, inner)) throw new Violation('known-keys', inner);
    if (members.filter((member) => member.name === name).length > 1) throw new Violation('each-key-once', inner);
    checkKeys(node, inner);
  }
}

/** Which value of a policy each quantity of a file becomes. */
const quantities: readonly (readonly [PolicyPointer, (policy: Policy) => number])[] = [
  ['/request/line/maxBytes', ({ request }) => request.lineBytes],
  ['/request/fields/maxCount', ({ request }) => request.fieldCount],
  ['/request/fields/maxFieldBytes', ({ request }) => request.fieldBytes],
  ['/request/fields/maxTotalBytes', ({ request }) => request.totalFieldBytes],
  ['/request/content/maxBytes', ({ request }) => request.contentBytes],
  ['/request/content/memoryBytes', ({ request }) => request.contentMemoryBytes],
  ['/timeouts/head', ({ timeouts }) => timeouts.headMs],
  ['/timeouts/content', ({ timeouts }) => timeouts.contentMs],
  ['/timeouts/write', ({ timeouts }) => timeouts.writeMs],
  ['/timeouts/queue', ({ timeouts }) => timeouts.queueMs],
  ['/timeouts/worker', ({ timeouts }) => timeouts.workerMs],
  ['/keepAlive/idle', ({ keepAlive }) => keepAlive.idleMs],
  ['/keepAlive/maxRequests', ({ keepAlive }) => keepAlive.maxRequests],
  ['/connections/max', ({ connections }) => connections.max],
  ['/queue/max', ({ queue }) => queue.max],
  ['/response/bufferBytes', ({ response }) => response.bufferBytes],
];

/** Timers count in 31 bits, and what overflows them fires at once. */
const longestTimer = 2 ** 31 - 1;
const host = /^(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/;

function checkRanges(policy: Policy): void {
  for (const [pointer, valueIn] of quantities) {
    const key = policyKeys[pointer];
    const value = valueIn(policy);
    if (!('minimum' in key)) throw new Error(`${pointer} has no range`);
    const [unit, most] = key.kind === 'duration' ? [1000, longestTimer] : [1, Number.MAX_SAFE_INTEGER];
    const isSane = Number.isSafeInteger(value) && value <= most;
    if (isSane && value >= key.minimum * unit && value <= key.maximum * unit) continue;
    throw new Violation('sane-values', `${pointer} is ${value}`);
  }
  const { methods, hosts, dotSegments, encodedSlash, underscores, trailers } = policy.request;
  const choices = { dotSegments, encodedSlash, underscores, trailers };
  if (methods.length === 0 || methods.includes('CONNECT') || methods.includes('TRACE')) {
    throw new Violation('sane-values', `methods are ${methods}`);
  }
  if (!hosts.every((name) => host.test(name))) throw new Violation('sane-values', `hosts are ${hosts}`);
  if (!Object.values(choices).every((choice) => ['reject', 'drop', 'keep', 'decode'].includes(choice))) {
    throw new Violation('sane-values', JSON.stringify(choices));
  }
  if (policy.name !== 'site') throw new Violation('sane-values', `the name is ${policy.name}`);
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
  const { methods, hosts, dotSegments, encodedSlash, underscores, trailers } = policy.request;
  const root = {
    request: { methods, hosts, trailers, target: { dotSegments, encodedSlash }, fields: { underscores } },
  };
  for (const [pointer, valueIn] of quantities) {
    const unit = policyKeys[pointer].kind === 'duration' ? 1000 : 1;
    const path = pointer.split('/').slice(1);
    let part: Record<string, unknown> = root;
    for (const name of path.slice(0, -1)) {
      part[name] ??= {};
      part = part[name] as Record<string, unknown>;
    }
    part[path.at(-1) ?? ''] = valueIn(policy) / unit;
  }
  return root;
}
