import type { YAMLError } from 'yaml';
import { excerpt } from './excerpt.ts';

/** By the parser's code and message, the first that fits. */
const expectedBy: readonly (readonly [finding: RegExp, expected: string])[] = [
  [/^TAB_AS_INDENT/, 'expected spaces as indentation, found a tab'],
  [/^MISSING_CHAR Missing closing/, 'expected a closing quote'],
  [/^MISSING_CHAR .*end with a \}/, 'expected a closing }'],
  [/^MISSING_CHAR .*end with a \]/, 'expected a closing ]'],
  [/^BAD_INDENT .*end with a \}/, 'expected a closing }, and all lines before it indented deeper than their key'],
  [/^BAD_INDENT .*end with a \]/, 'expected a closing ], and all lines before it indented deeper than their key'],
  [/^MISSING_CHAR Missing space after :/, 'expected a space behind the colon'],
  [/^MISSING_CHAR Missing ,/, 'expected a comma'],
  [/^MISSING_CHAR Implicit map keys/, 'expected a colon and a space behind the key'],
  [/^MISSING_CHAR Comments must/, 'expected a space before #'],
  [/^MISSING_CHAR Sequence item/, 'expected - and a space before each element'],
  [/^MISSING_CHAR Block collection/, 'expected a new line behind ---'],
  [/^BAD_INDENT All sequence/, 'expected the elements of a list in one column'],
  [/^BAD_INDENT Block scalar/, 'expected the text below | or > to be indented'],
  [/^BAD_INDENT/, 'expected the keys of an object in one column'],
  [
    /^BLOCK_AS_IMPLICIT_KEY/,
    'expected the next key in the column of the one above, or quotes around a value with ": "',
  ],
  [/^MULTILINE_IMPLICIT_KEY/, 'expected a key and its colon in one line'],
  [/^KEY_OVER_1024_CHARS/, 'expected a colon at most 1024 characters behind the start of the key'],
  [/^BLOCK_IN_FLOW/, 'expected { } or [ ] for what is inside of { } or [ ]'],
  [/^BAD_DQ_ESCAPE/, 'expected an escape that YAML knows behind the backslash'],
  [/^BAD_SCALAR_START/, 'expected quotes around a value that starts like this'],
  [/^UNEXPECTED_TOKEN Unexpected block-seq-ind/, 'expected a list to start on a line below its key'],
  [/^UNEXPECTED_TOKEN Unexpected (,|empty item)/, 'expected a value'],
  [/^UNEXPECTED_TOKEN Block scalar header/, 'expected a new line behind | or >'],
  [/^UNEXPECTED_TOKEN .* (at node end|in YAML (stream|document))/, 'expected nothing more here'],
];
/** Of a place what is read, to quote what stands there. */
const maxRead = 200;

/** What was expected and what was found, for one error of the parser. */
export function yamlProblem(text: string, { code, message, pos: [offset] }: YAMLError): string {
  const finding = `${code} ${message.slice(0, maxRead)}`;
  const expected = expectedBy.find(([pattern]) => pattern.test(finding))?.[1] ?? 'expected something else';
  return expected.includes(', found') ? expected : `${expected}, found ${foundAt(text, offset)}`;
}

/** The word at the place or behind spaces. */
function foundAt(text: string, offset: number): string {
  if (/^\s*$/.test(text.slice(offset))) return 'the end of the file';
  const word = /^[ \t]*([^ \t\r\n]+)/.exec(text.slice(offset, offset + maxRead))?.[1];
  return word === undefined ? 'the end of the line' : excerpt(word);
}
