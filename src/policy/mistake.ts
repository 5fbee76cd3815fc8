import { caretBelow } from './caret.ts';
import { excerpt } from './excerpt.ts';
import { linesOf } from './locate.ts';

/** A place in a text as editors count: both from 1, columns in UTF-16 code units. */
export type Position = { readonly line: number; readonly column: number };

/** One mistake of the operator. */
export type Mistake = {
  /** Null: the whole file, or no file at all. */
  readonly position: Position | null;
  /** JSON pointer; '' is the whole policy. */
  readonly pointer: string;
  /** What was expected and what was found; quotations out of the file have passed `excerpt`. */
  readonly problem: string;
};

/** What a message needs beside the mistakes. */
type Context = {
  /** Of the file, if it was read: each mistake that has a place then shows its line. */
  readonly text?: string;
  /** Mistakes beyond those listed. */
  readonly more?: number;
};

/**
 * A policy was refused, whole. `message` is what the operator reads: for each mistake one line, `file:line:column` first, so
 * that editors and terminals can jump there, and below it the line of the file with a caret.
 */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  /** The file as the operator named it, or the flag. */
  readonly source: string;
  readonly mistakes: readonly Mistake[];

  constructor(source: string, mistakes: readonly Mistake[], context: Context = {}) {
    super(describe(source, mistakes, context));
    this.source = source;
    this.mistakes = mistakes;
  }
}

function describe(source: string, mistakes: readonly Mistake[], { text, more = 0 }: Context): string {
  const name = excerpt(source, 200);
  const fileLines = text === undefined ? [] : linesOf(text);
  const lines = mistakes.flatMap(({ position, pointer, problem }) => {
    const place = position === null ? name : `${name}:${position.line}:${position.column}`;
    const mistake = pointer === '' ? `${place}: ${problem}` : `${place}: ${excerpt(pointer, 100)}: ${problem}`;
    return position === null ? [mistake] : [mistake, ...caretBelow(fileLines, position)];
  });
  if (more > 0) lines.push(`${name}: and ${more} more mistakes`);
  return lines.join('\n');
}
