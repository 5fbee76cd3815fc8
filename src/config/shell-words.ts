import { ConfigError } from './config.ts';

/** Outside of quotes a backslash keeps any character, inside double quotes only these, as in a POSIX shell. */
const piece = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)/sy;

/** The words of a command line, as Python's `shlex.split` has them. Nothing is expanded. Throws `ConfigError`. */
export function shellWords(text: string, origin: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  piece.lastIndex = 0;
  while (piece.lastIndex < text.length) {
    const match = piece.exec(text);
    if (match === null)
      throw new ConfigError(`${origin}: ${JSON.stringify(text)} has a quote or backslash without its end.`);
    const [, single, double, escaped, plain] = match;
    const part = single ?? double?.replace(/\\(["\\])/gs, '$1') ?? escaped ?? plain;
    if (part !== undefined) {
      word = (word ?? '') + part;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}
