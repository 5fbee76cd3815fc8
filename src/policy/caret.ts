import { printable, withoutCredentials } from './excerpt.ts';
import type { Position } from './mistake.ts';

/** Columns of a terminal that a line of the file may take, and how many of them may stand before the place. */
const maxWidth = 100;
const maxWidthBefore = 60;
const tabWidth = 4;
const cut = '...';

/**
 * The line of a place as people see it, and a line with a caret below the place. `lines` are those of the file. A long line
 * is cut around the place; what could drive or reorder a terminal is escaped, and a tab becomes four spaces, so that the
 * caret is where it should be whatever the terminal does with tabs. Credentials in a URL are hidden. Empty if the file has no such line.
 */
export function caretBelow(lines: readonly string[], { line, column }: Position): readonly string[] {
  const lineOfFile = lines[line - 1];
  if (lineOfFile === undefined) return [];
  const text = withoutCredentials(lineOfFile);
  const place = wholeCharacter(text, Math.min(column - 1, text.length));
  const from = wholeCharacter(text, Math.max(0, place - maxWidthBefore));
  const to = wholeCharacter(text, Math.min(text.length, place + maxWidth));
  const before = withinWidth([...text.slice(from, place)].reverse(), maxWidthBefore).reverse();
  const after = withinWidth([...text.slice(place, to)], maxWidth - widthOf(before));
  const start = before.join('').length < place ? cut : '';
  const end = place + after.join('').length < text.length ? cut : '';
  const number = String(line).padStart(4);
  const shown = `${number} | ${start}${[...before, ...after].map(shownAs).join('')}${end}`;
  return [shown.trimEnd(), `${' '.repeat(number.length)} | ${' '.repeat(start.length + widthOf(before))}^`];
}

/** The offset, or the next one where it would part a surrogate pair. */
function wholeCharacter(text: string, offset: number): number {
  return offset > 0 && (text.codePointAt(offset - 1) ?? 0) > 0xffff ? offset + 1 : offset;
}

/** The first characters, as many as fit. */
function withinWidth(characters: readonly string[], width: number): string[] {
  let left = width;
  const end = characters.findIndex((character) => {
    left -= columnsOf(character);
    return left < 0;
  });
  return characters.slice(0, end === -1 ? characters.length : end);
}

function widthOf(characters: readonly string[]): number {
  return characters.reduce((width, character) => width + columnsOf(character), 0);
}

function shownAs(character: string): string {
  return character === '\t' ? ' '.repeat(tabWidth) : printable(character);
}

/**
 * What the usual terminals do: ideographs, kana, hangul, full-width forms and emoji take two columns, marks none. Unicode
 * leaves the rest to fonts (UAX #11), so a caret behind a rare script may stand a column off.
 */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const mark = /[\p{Mn}\p{Me}]/u;

function columnsOf(character: string): number {
  const shown = shownAs(character);
  if (shown !== character || character <= '~') return shown.length;
  if (mark.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}
