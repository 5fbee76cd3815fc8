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

/**
 * A policy was refused, whole. `message` is what the operator reads: one line for each mistake, `file:line:column` first,
 * so that editors and terminals can jump there.
 */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  /** The file as the operator named it, or the flag. */
  readonly source: string;
  readonly mistakes: readonly Mistake[];

  /** `more` counts mistakes beyond those listed. */
  constructor(source: string, mistakes: readonly Mistake[], more = 0) {
    super(describe(source, mistakes, more));
    this.source = source;
    this.mistakes = mistakes;
  }
}

function describe(source: string, mistakes: readonly Mistake[], more: number): string {
  const name = excerpt(source, 200);
  const lines = mistakes.map(({ position, pointer, problem }) => {
    const place = position === null ? name : `${name}:${position.line}:${position.column}`;
    return pointer === '' ? `${place}: ${problem}` : `${place}: ${excerpt(pointer, 100)}: ${problem}`;
  });
  if (more > 0) lines.push(`${name}: and ${more} more mistakes`);
  return lines.join('\n');
}

/** Text of a file as part of a message: one line, nothing that drives or reorders a terminal, cut where it is long. */
export function excerpt(text: string, maxLength = 48): string {
  const printable = text.slice(0, maxLength).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  const isWhole = text.length <= maxLength && printable.length <= maxLength;
  return isWhole ? printable : `${printable.slice(0, maxLength)}...`;
}
