import { Composer, CST, type Document, isMap, isNode, isScalar, isSeq, Lexer, Parser } from 'yaml';
import { excerpt } from './excerpt.ts';
import { listNode, objectNode, type Place, type SourceDocument, type SourceMember, type SourceNode } from './locate.ts';
import { PolicyError } from './mistake.ts';
import {
  decodeText,
  emptyFile,
  maxDepth,
  maxTokens,
  type Stumble,
  syntaxMistakes,
  tooDeep,
  tooMany,
} from './source-text.ts';
import { yamlProblem } from './yaml-problem.ts';

/**
 * Of YAML 1.2 what JSON can say, in the core schema: every value is what it looks like, and stands where it counts. So no
 * anchors and aliases, tags, directives, merge keys, second documents, keys that are no strings, and no number that readers
 * of YAML 1.1 take for another one.
 */
const options = { version: '1.2', schema: 'core', merge: false, strict: true, uniqueKeys: false } as const;

/** A list of a hundred thousand hosts or blocks of addresses has as many; a string of more line ends costs seconds. */
const maxLines = 200_000;
/** Comments and blank lines in a row. The parser goes over them again for each comment below them. */
const maxBlankTokens = 5000;

/**
 * Characters that end a line for some readers and not for others, and controls, which YAML does not allow either. The lexer
 * speaks of structure with three of them, so none may reach it.
 */
const forbiddenCharacter = /\r(?!\n)|[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/u;

/**
 * Reads a policy in YAML (UTF-8, a byte order mark and CRLF allowed). Throws `PolicyError` for what is no YAML, for what the
 * subset leaves out, and for nesting without end. A repeated key is no mistake yet: the document lists both.
 */
export function parseYamlDocument(bytes: Uint8Array, file: string): SourceDocument {
  const text = decodeText(bytes, file);
  const refuse = (stumbles: Iterable<Stumble>): void => {
    const mistakes = syntaxMistakes(text, stumbles);
    if (mistakes.length > 0) throw new PolicyError(file, mistakes, { text });
  };
  refuse(controlCharacters(text));
  refuse(linesWithoutEnd(text));
  const { tokens, stumbles } = readTokens(text);
  refuse(stumbles);
  const document = compose(tokens, text);
  refuse(syntaxErrors(text, document));
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.source === '')) throw new PolicyError(file, [emptyFile]);
  const unlikeJson: Stumble[] = [];
  const root = sourceNode(text, contents, 0, unlikeJson);
  refuse(unlikeJson);
  return { file, text, root };
}

/** Before the lexer, which keeps each line end of a scalar for itself. */
function* linesWithoutEnd(text: string): Generator<Stumble> {
  let lines = 0;
  for (let offset = text.indexOf('\n'); offset !== -1; offset = text.indexOf('\n', offset + 1)) {
    lines += 1;
    if (lines === maxLines) return yield { offset, problem: `more than ${maxLines} lines, which no policy has` };
  }
}

function* controlCharacters(text: string): Generator<Stumble> {
  const offset = text.search(forbiddenCharacter);
  if (offset === -1) return;
  const found = excerpt(text.charAt(offset));
  yield { offset, problem: `expected lines that end with LF or CRLF and no control characters, found ${found}` };
}

/** By the names that the lexer gives to what it finds. */
const refusals: Readonly<Record<string, string>> = {
  anchor: 'expected no anchor (&name); a string that starts with & goes in quotes',
  alias: 'expected no alias (*name); a string that starts with * goes in quotes',
  tag: 'expected no tag (!name); a string that starts with ! goes in quotes',
  'directive-line': 'expected no directive (%YAML, %TAG); this is read as YAML 1.2',
};
const blank = ['space', 'comment', 'newline'];

type Reading = { readonly tokens: readonly CST.Token[]; readonly stumbles: readonly Stumble[] };

/** The tokens of one document, and what the subset and the bounds refuse of it. Nothing has recursed yet. */
function readTokens(text: string): Reading {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  const stumbles: Stumble[] = [];
  let [count, blanks, isContent] = [0, 0, false];
  for (const lexeme of new Lexer().lex(text)) {
    const { offset } = parser;
    // The lexeme behind a mark of type `scalar` is a value, whatever it looks like.
    const type = isContent ? 'content' : (CST.tokenType(lexeme) ?? 'content');
    isContent = type === 'scalar';
    const refusal = refusals[type];
    if (refusal !== undefined) stumbles.push({ offset, problem: `${refusal}, found ${excerpt(lexeme)}` });
    tokens.push(...parser.next(lexeme));
    count += 1;
    blanks = blank.includes(type) ? blanks + 1 : 0;
    const problem = boundProblem(depthOf(parser.stack), count, blanks);
    if (problem !== undefined) return { tokens, stumbles: [...stumbles, { offset, problem }] };
  }
  tokens.push(...parser.end());
  const second = tokens.filter(({ type }) => type === 'document')[1];
  if (second !== undefined)
    stumbles.push({ offset: second.offset, problem: 'expected one document, found another one' });
  return { tokens, stumbles: stumbles.sort((left, right) => left.offset - right.offset) };
}

function boundProblem(depth: number, count: number, blanks: number): string | undefined {
  if (depth > maxDepth) return tooDeep;
  if (count > maxTokens) return tooMany;
  return blanks > maxBlankTokens ? 'more comments and blank lines in a row than any policy has' : undefined;
}

/** Below the document come the collections; on top there may be a scalar. */
function depthOf(stack: readonly CST.Token[]): number {
  return CST.isCollection(stack.at(-1) ?? null) ? stack.length - 1 : stack.length - 2;
}

function compose(tokens: readonly CST.Token[], text: string): Document.Parsed {
  const { stackTraceLimit } = Error;
  // The composer makes an Error of each of its findings, and a megabyte of commas has too many for as many stack traces.
  Error.stackTraceLimit = 0;
  try {
    const [document] = new Composer(options).compose(tokens, true, text.length);
    if (document !== undefined) return document;
    throw new Error('the composer was asked for a document in any case');
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function* syntaxErrors(text: string, { errors, warnings }: Document.Parsed): Generator<Stumble> {
  for (const error of [...errors, ...warnings].sort((left, right) => left.pos[0] - right.pos[0])) {
    yield { offset: Math.min(error.pos[0], text.length), problem: `this is not YAML: ${yamlProblem(text, error)}` };
  }
}

/** Node by node; notes in `stumbles` what JSON could not say. `at` is where a value would stand that is missing. */
function sourceNode(text: string, node: unknown, at: number, stumbles: Stumble[]): SourceNode {
  const place = placeOf(node, at);
  if (isSeq(node)) {
    return listNode(
      place,
      node.items.map((item) => sourceNode(text, item, place.start, stumbles)),
    );
  }
  if (isMap(node)) {
    return objectNode(
      place,
      node.items.map(({ key, value }) => sourceMember(text, key, value, stumbles)),
    );
  }
  const value = isScalar(node) ? node.value : null;
  const found = excerpt(text.slice(place.start, place.end));
  if (typeof value === 'number' && !Number.isFinite(value)) {
    stumbles.push({ offset: place.start, problem: `expected a finite number, found ${found}` });
  } else if (typeof value === 'number' && /^[-+]?0[0-9]/.test(found)) {
    // 010 is ten here and eight for readers of YAML 1.1.
    stumbles.push({ offset: place.start, problem: `expected a number without leading zeros, found ${found}` });
  }
  return { ...place, value };
}

function sourceMember(text: string, key: unknown, value: unknown, stumbles: Stumble[]): SourceMember {
  const { start, end } = placeOf(key, 0);
  const written = text.slice(start, end);
  const name = isScalar(key) && typeof key.value === 'string' ? key.value : written;
  if (!isScalar(key) || typeof key.value !== 'string') {
    const found = start === end ? 'nothing' : excerpt(written);
    stumbles.push({ offset: start, problem: `expected a string as key, found ${found}` });
  } else if (written === '<<') {
    const problem = 'expected no merge key (<<); what a file leaves out comes from the policy that it extends';
    stumbles.push({ offset: start, problem });
  }
  return { name, nameStart: start, node: sourceNode(text, value, end, stumbles) };
}

function placeOf(node: unknown, at: number): Place {
  const [start, end] = (isNode(node) ? node.range : undefined) ?? [at, at];
  return { start, end };
}
