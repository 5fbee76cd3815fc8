/**
 * What a client has sent, as it may stand in a line of text. Texts of clients have one character a byte, and what leaves is
 * printable ASCII: no line end, no terminal sequence (C1 controls and the marks that reorder a line are bytes beyond ASCII),
 * no quote that would end a field. A backslash becomes two, else an escape could be forged; Gunicorn escapes the quote alone.
 */
const MAX_LENGTH = 8192;

const isPlain = /^[ !#-[\]-~]*$/;
const isPlainWord = /^[!#-[\]-~]+$/;
const special = /[^ !#-[\]-~]/g;
const specialOrSpace = /[^!#-[\]-~]/g;

/** Between quotes. */
export function escapeQuoted(text: string): string {
  if (text.length <= MAX_LENGTH && isPlain.test(text)) return text;
  return cut(text).replace(special, escaped);
}

/** Outside of quotes, where a space would begin another field and nothing at all would be none. */
export function escapeWord(text: string): string {
  if (text.length <= MAX_LENGTH && isPlainWord.test(text)) return text;
  return text === '' ? '-' : cut(text).replace(specialOrSpace, escaped);
}

/** A JSON string, in ASCII. */
export function jsonText(text: string): string {
  if (text.length <= MAX_LENGTH && isPlain.test(text)) return `"${text}"`;
  return `"${cut(text).replace(special, escapedInJson)}"`;
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}...` : text;
}

function escaped(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  const code = hex(character, 2);
  return code.length === 2 ? `\\x${code}` : `\\u${code.padStart(4, '0')}`;
}

function escapedInJson(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\u${hex(character, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
