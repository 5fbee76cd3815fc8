import { positionAt } from './locate.ts';
import { type Mistake, PolicyError } from './mistake.ts';

/** What holds for the text of a policy file in any format. */

/** A policy nests four deep. Parsers recurse, so the bound comes before them. */
export const maxDepth = 32;
/** Ten thousand hosts fit many times over. Bounds the work on a file of one megabyte of brackets and commas. */
export const maxTokens = 200_000;
/** One slip makes a parser stumble over what follows; the first few places are what helps. */
const maxSyntaxMistakes = 3;
const maxStumblesRead = 50;

export const tooDeep = `nested deeper than ${maxDepth} levels`;
export const tooMany = 'more values than any policy has';
export const emptyFile: Mistake = {
  position: null,
  pointer: '',
  problem: 'the file is empty; {} is one that changes nothing',
};

/** UTF-8, without its byte order mark. */
export function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new PolicyError(file, [{ position: null, pointer: '', problem: 'this is not UTF-8 text' }]);
  }
}

/** What a parser stumbled over, as an offset into the text. */
export type Stumble = { readonly offset: number; readonly problem: string };

/** A mistake before anything has a pointer. */
export function mistakeAt(text: string, { offset, problem }: Stumble): Mistake {
  return { position: positionAt(text, offset), pointer: '', problem };
}

/** The first of each line, for the first few lines. `stumbles` come in the order of the file, and as they are asked for. */
export function syntaxMistakes(text: string, stumbles: Iterable<Stumble>): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  let read = 0;
  for (const stumble of stumbles) {
    read += 1;
    if (read > maxStumblesRead) break;
    const mistake = mistakeAt(text, stumble);
    if (mistake.position?.line === mistakes.at(-1)?.position?.line) continue;
    mistakes.push(mistake);
    if (mistakes.length === maxSyntaxMistakes) break;
  }
  return mistakes;
}
