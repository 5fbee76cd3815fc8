import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { positionAt, type SourceDocument, type SourceNode } from './locate.ts';
import { excerpt, type Mistake, PolicyError } from './mistake.ts';

/** A policy nests four deep. The parser recurses, so the bound comes before it. */
const maxDepth = 32;
/** Ten thousand hosts fit many times over. Bounds the work on a file of one megabyte of brackets and commas. */
const maxTokens = 200_000;
/** One slip makes a parser stumble over what follows; the first few places are what helps. */
const maxSyntaxMistakes = 3;
const maxSyntaxErrorsRead = 50;

/**
 * Reads JSON with comments (UTF-8, a byte order mark and CRLF allowed, no trailing commas). Throws `PolicyError` for
 * what is no JSON and for nesting without end. A repeated key is no mistake yet: the document lists both.
 */
export function parseJsonDocument(bytes: Uint8Array, file: string): SourceDocument {
  const text = decode(bytes, file);
  const refusal = checkSize(text);
  if (refusal !== undefined) throw new PolicyError(file, [refusal]);
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: false, disallowComments: false });
  if (tree === undefined || errors.length > 0) throw new PolicyError(file, syntaxMistakes(text, errors));
  return { file, text, root: sourceNode(tree) };
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new PolicyError(file, [{ position: null, pointer: '', problem: 'this is not UTF-8 text' }]);
  }
}

/** Neither empty nor beyond the bounds. */
function checkSize(text: string): Mistake | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  let tokens = 0;
  for (scanner.scan(); scanner.getTokenOffset() < text.length; scanner.scan()) {
    const offset = scanner.getTokenOffset();
    const first = text[offset];
    tokens += 1;
    if (first === '{' || first === '[') depth += 1;
    else if (first === '}' || first === ']') depth -= 1;
    if (depth <= maxDepth && tokens <= maxTokens) continue;
    const problem = depth > maxDepth ? `nested deeper than ${maxDepth} levels` : 'more values than any policy has';
    return { position: positionAt(text, offset), pointer: '', problem };
  }
  if (tokens > 0) return undefined;
  return { position: null, pointer: '', problem: 'the file is empty; {} is the policy that changes nothing' };
}

function syntaxMistakes(text: string, errors: readonly ParseError[]): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  for (const error of errors.slice(0, maxSyntaxErrorsRead)) {
    const position = positionAt(text, error.offset);
    if (position.line === mistakes.at(-1)?.position?.line) continue;
    mistakes.push({ position, pointer: '', problem: `this is not JSON: ${syntaxProblem(text, error)}` });
    if (mistakes.length === maxSyntaxMistakes) break;
  }
  return mistakes;
}

/** By the names that jsonc-parser gives its errors. */
const expectedBy: Readonly<Record<string, string>> = {
  InvalidSymbol: 'expected a value or a key in double quotes',
  InvalidNumberFormat: 'expected a number',
  PropertyNameExpected: 'expected a key in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected a colon between key and value',
  CommaExpected: 'expected a comma',
  CloseBraceExpected: 'expected a closing }',
  CloseBracketExpected: 'expected a closing ]',
  EndOfFileExpected: 'expected nothing after the policy',
  UnexpectedEndOfComment: 'expected the end of the comment, */',
  UnexpectedEndOfString: 'expected a closing double quote on the same line',
  UnexpectedEndOfNumber: 'expected more digits',
  InvalidUnicode: 'expected four hexadecimal digits after \\u',
  InvalidEscapeCharacter: 'expected one of "\\/bfnrtu after a backslash',
  InvalidCharacter: 'expected control characters to be escaped',
};

function syntaxProblem(text: string, { error, offset, length }: ParseError): string {
  const expected = expectedBy[printParseErrorCode(error)] ?? 'expected something else';
  const found = text.slice(offset, offset + length);
  if (found === '') return `${expected}, found the end of the file`;
  if ((found === '}' || found === ']') && /,\s*$/.test(text.slice(Math.max(0, offset - 1000), offset))) {
    return `expected no comma before the closing ${found}`;
  }
  return `${expected}, found ${excerpt(found)}`;
}

/** Objects have no prototype here, so `__proto__` is a key like any other. */
function sourceNode(node: Node): SourceNode {
  const place = { start: node.offset, end: node.offset + node.length };
  const children = node.children ?? [];
  if (node.type === 'array') {
    const elements = children.map(sourceNode);
    return { ...place, value: elements.map(({ value }) => value), elements };
  }
  if (node.type !== 'object') return { ...place, value: node.value };
  const members = children.flatMap(({ children: [name, member] = [] }) =>
    name === undefined || member === undefined
      ? []
      : [{ name: String(name.value), nameStart: name.offset, node: sourceNode(member) }],
  );
  const value: Record<string, unknown> = Object.create(null);
  for (const member of members) value[member.name] = member.node.value;
  return { ...place, value, members };
}
