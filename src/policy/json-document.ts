import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { excerpt } from './excerpt.ts';
import { listNode, objectNode, type SourceDocument, type SourceNode } from './locate.ts';
import { type Mistake, PolicyError } from './mistake.ts';
import {
  decodeText,
  emptyFile,
  maxDepth,
  maxTokens,
  mistakeAt,
  type Stumble,
  syntaxMistakes,
  tooDeep,
  tooMany,
} from './source-text.ts';

/**
 * Reads JSON with comments (UTF-8, a byte order mark and CRLF allowed, no trailing commas). Throws `PolicyError` for
 * what is no JSON and for nesting without end. A repeated key is no mistake yet: the document lists both.
 */
export function parseJsonDocument(bytes: Uint8Array, file: string): SourceDocument {
  const text = decodeText(bytes, file);
  const refusal = checkSize(text);
  if (refusal !== undefined) throw new PolicyError(file, [refusal], { text });
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: false, disallowComments: false });
  if (tree === undefined || errors.length > 0) {
    throw new PolicyError(file, syntaxMistakes(text, stumblesOver(text, errors)), { text });
  }
  return { file, text, root: sourceNode(tree) };
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
    if (depth > maxDepth) return mistakeAt(text, { offset, problem: tooDeep });
    if (tokens > maxTokens) return mistakeAt(text, { offset, problem: tooMany });
  }
  return tokens > 0 ? undefined : emptyFile;
}

function* stumblesOver(text: string, errors: readonly ParseError[]): Generator<Stumble> {
  for (const error of errors) {
    yield { offset: error.offset, problem: `this is not JSON: ${syntaxProblem(text, error)}` };
  }
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

function sourceNode(node: Node): SourceNode {
  const place = { start: node.offset, end: node.offset + node.length };
  const children = node.children ?? [];
  if (node.type === 'array') return listNode(place, children.map(sourceNode));
  if (node.type !== 'object') return { ...place, value: node.value };
  const members = children.flatMap(({ children: [name, member] = [] }) =>
    name === undefined || member === undefined
      ? []
      : [{ name: String(name.value), nameStart: name.offset, node: sourceNode(member) }],
  );
  return objectNode(place, members);
}
