import { type RuleId, rules, whyEnforced } from '../rejection/rules.ts';
import { nearestNames } from '../suggestion/nearest-name.ts';
import { excerpt } from './excerpt.ts';
import { formatProblems } from './format.ts';
import { keyAt, keysByPointer } from './key-at.ts';
import { escapeSegment, locate, positionAt, type SourceDocument, type SourceNode } from './locate.ts';
import { type Mistake, PolicyError } from './mistake.ts';
import type { PolicyFile } from './policy-file.generated.ts';
import { expectation, knownKeys, type PolicyKey } from './policy-key.ts';
import { schemaErrors } from './policy-validator.generated.ts';
import { nearCounts, nearDurations, nearRates, nearSizes, parseDuration, parseRate, parseSize } from './quantity.ts';
import { rateLimitProblems } from './rate-limit-conflict.ts';
import { type RepeatedKey, repeatedKeys } from './repeated-key.ts';
import { routeProblems } from './route-conflict.ts';

/** What ajv says of one fault. */
export type SchemaError = {
  /** JSON pointer of the value; of an unknown key, of the object that has it. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
};

/** Of each sort, what one message lists; a file with more was not meant as a policy. */
const maxMistakes = 50;
/** Longer than any key: not worth looking for a near one. */
const maxMisspeltLength = 64;

/** What is wrong at a pointer, beside what the schema can say. */
export type Problem = { readonly pointer: string; readonly problem: string };

/** The document as a policy file, sizes in bytes and durations in seconds. Throws `PolicyError` with all its mistakes. */
export function validate(document: SourceDocument): PolicyFile {
  const file = withNumbers(document.root, '');
  const repeated = [...repeatedKeys(document.root)];
  const errors = firstOfEachPlace(schemaErrors(file));
  const problems = [...formatProblems(document.root)];
  // Of routes that are not even routes there is nothing to compare.
  if (errors.length + problems.length === 0) {
    for (const problemsOf of [routeProblems, rateLimitProblems])
      problems.push(...problemsOf(document, file as PolicyFile));
  }
  const count = repeated.length + errors.length + problems.length;
  if (count === 0) return file as PolicyFile;
  const mistakes = [
    ...repeated.slice(0, maxMistakes).map((key) => repetition(document, key)),
    ...errors.slice(0, maxMistakes).map((error) => violation(document, error)),
    ...problems.slice(0, maxMistakes).map(({ pointer, problem }) => atValue(document, pointer, problem)),
  ].sort((left, right) => left.offset - right.offset);
  throw new PolicyError(document.file, mistakes, { text: document.text, more: count - mistakes.length });
}

/** For what is wrong with a file beside others, though nothing is with the file alone. */
export function refusalOf(document: SourceDocument, problems: readonly Problem[]): PolicyError {
  const { file, text } = document;
  const mistakes = problems.slice(0, maxMistakes).map(({ pointer, problem }) => atValue(document, pointer, problem));
  return new PolicyError(file, mistakes, { text, more: problems.length - mistakes.length });
}

/** So that the schema's `minimum` and `maximum` hold for "64KiB" and "10s" too. What cannot be read stays a string. */
function withNumbers(node: SourceNode, pointer: string): unknown {
  const { value } = node;
  // JSON has a zero below zero, which would not survive the way to an edge.
  if (value === 0) return 0;
  const kind = keyAt(pointer)?.kind;
  if (kind === 'objects' && node.elements !== undefined) {
    return node.elements.map((element, index) => withNumbers(element, `${pointer}/${index}`));
  }
  if (kind === 'size' && typeof value === 'string') return parseSize(value) ?? value;
  if (kind === 'duration' && typeof value === 'string') return parseDuration(value) ?? value;
  if (kind === 'rate' && typeof value === 'string') return parseRate(value) ?? value;
  if (kind !== 'object' || node.members === undefined) return value;
  const object: Record<string, unknown> = Object.create(null);
  for (const { name, node: member } of node.members) {
    object[name] = withNumbers(member, `${pointer}/${escapeSegment(name)}`);
  }
  return object;
}

/** A value that is wrong in two ways is one mistake; unknown and missing keys of one object are several. */
function firstOfEachPlace(errors: readonly SchemaError[]): readonly SchemaError[] {
  const seen = new Set<string>();
  return errors.filter(({ instancePath, keyword }) => {
    if (keyword === 'additionalProperties' || keyword === 'required') return true;
    if (seen.has(instancePath)) return false;
    seen.add(instancePath);
    return true;
  });
}

type LocatedMistake = Mistake & { readonly offset: number };

function repetition(document: SourceDocument, { pointer, first, again }: RepeatedKey): LocatedMistake {
  const { line, column } = positionAt(document.text, first);
  return at(document, pointer, again, `expected each key once, found this one again (first at ${line}:${column})`);
}

function violation(document: SourceDocument, { instancePath, keyword, params }: SchemaError): LocatedMistake {
  if (keyword === 'additionalProperties') {
    const name = String(params['additionalProperty']);
    const pointer = `${instancePath}/${escapeSegment(name)}`;
    return at(document, pointer, locate(document, pointer)?.nameStart ?? 0, unknownKey(instancePath, name));
  }
  const node = locate(document, instancePath)?.node ?? document.root;
  if (keyword === 'required') {
    const problem = `expected the key ${String(params['missingProperty'])}, which is not there`;
    return at(document, instancePath, node.start, problem);
  }
  if (keyword === 'uniqueItems') {
    const element = node.elements?.[Math.max(Number(params['i']), Number(params['j']))] ?? node;
    const problem = `expected each element once, found ${source(document, element)} again`;
    return at(document, instancePath, element.start, problem);
  }
  const problem = `expected ${expectationAt(instancePath)}, found ${source(document, node)}`;
  return at(document, instancePath, node.start, problem + nearestValue(instancePath, node.value));
}

function atValue(document: SourceDocument, pointer: string, problem: string): LocatedMistake {
  return at(document, pointer, locate(document, pointer)?.node.start ?? 0, problem);
}

function at({ text }: SourceDocument, pointer: string, offset: number, problem: string): LocatedMistake {
  return { position: positionAt(text, offset), pointer, problem, offset };
}

function expectationAt(pointer: string): string {
  const key = keyAt(pointer);
  if (key !== undefined) return expectation(key);
  return listOf(pointer)?.item ?? 'something else';
}

/** The list that has an element at this pointer. */
function listOf(pointer: string): (PolicyKey & { readonly kind: 'list' }) | undefined {
  const key = keyAt(pointer.slice(0, pointer.lastIndexOf('/')));
  return key?.kind === 'list' ? key : undefined;
}

function nearestValue(pointer: string, value: unknown): string {
  const key = keyAt(pointer) ?? listOf(pointer);
  if (typeof value !== 'string') return '';
  if (key !== undefined && 'minimum' in key) return nearestQuantity(key, value);
  if (key?.kind !== 'choice' && key?.kind !== 'list') return '';
  const nearest = nearestTo(value, key.values);
  // Where the list itself is a string, it was to have one element.
  const isElement = key.kind === 'choice' || keyAt(pointer) === undefined;
  return nearest === undefined ? '' : `; did you mean ${isElement ? `"${nearest}"` : `["${nearest}"]`}?`;
}

type Quantity = Extract<PolicyKey, { readonly minimum: number }>;

const guesses = { size: nearSizes, duration: nearDurations, rate: nearRates, count: nearCounts } as const;

/** Only of what could stand there: a guess that is refused as well helps nobody. */
function nearestQuantity({ kind, minimum, maximum }: Quantity, value: string): string {
  const meant = guesses[kind](value)
    .filter(({ number }) => number >= minimum && number <= maximum)
    .map(({ text }) => text);
  return meant.length === 0 ? '' : `; did you mean ${meant.join(' or ')}?`;
}

function nearestTo(misspelt: string, known: readonly string[]): string | undefined {
  return misspelt.length > maxMisspeltLength ? undefined : nearestNames(misspelt, known, 1)[0];
}

/** Names the key that was meant: a near one of the same object, else the places where this very key is known. */
function unknownKey(objectPointer: string, name: string): string {
  const object = keyAt(objectPointer);
  const known = object?.kind === 'object' ? object.keys : [];
  const reason = whyNotHere(objectPointer, name);
  if (reason !== undefined) return reason;
  const problem = `expected ${knownKeys(known)}, found "${excerpt(name)}"`;
  const nearest = nearestTo(name.replace(/[-_ ]/g, ''), known);
  if (nearest !== undefined) return `${problem}; did you mean "${nearest}"?`;
  const places = Object.keys(keysByPointer).filter(
    (pointer) => pointer.endsWith(`/${name}`) && !pointer.includes('/*'),
  );
  return places.length === 0 ? problem : `${problem}; there is ${places.join(' and ')}`;
}

/** A key that is known, and cannot mean anything in this place. */
function whyNotHere(objectPointer: string, name: string): string | undefined {
  if (objectPointer.endsWith('/rules') && isRule(name)) {
    return `${name} cannot be observed: ${whyEnforced(name)}`;
  }
  const [, withinRoute] = /^\/routes\/\d+(\/.*)?$/.exec(objectPointer) ?? [];
  const general = `${withinRoute ?? ''}/${escapeSegment(name)}`;
  if (!objectPointer.startsWith('/routes/') || !(general in keysByPointer)) return undefined;
  return `${general} cannot be another one on a route: it counts before the route is known, or for all requests together`;
}

function isRule(name: string): name is RuleId {
  return Object.hasOwn(rules, name);
}

/** A value as the file has it; of a larger one only what it is. */
function source({ text }: SourceDocument, node: SourceNode): string {
  if (node.members !== undefined) return node.members.length === 0 ? 'an empty object' : 'an object';
  if (node.elements !== undefined) return node.elements.length === 0 ? 'an empty list' : 'a list';
  if (node.start === node.end) return 'nothing';
  return excerpt(text.slice(node.start, Math.min(node.end, node.start + 100)));
}
