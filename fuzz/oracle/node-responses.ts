import { createNodeParser, HTTPParser } from './node-parser.ts';

/** One response as a client understood it. Texts are latin1: one character a byte. */
export type ReadResponse = {
  readonly status: number;
  readonly reason: string;
  /** As written, in order, without the white space around values. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly content: string;
  readonly isComplete: boolean;
};

/** `refused`: with the reason that llhttp gives. The last response may be incomplete. */
export type ResponseReading = { readonly responses: readonly ReadResponse[]; readonly refused: string | undefined };

/** What the binding takes for: this response has no content, whatever its fields say. */
const SKIP_CONTENT = 1;

/**
 * How Node's own HTTP/1 client reads all bytes of one connection, which end with it. `areHeads` says of each response
 * whether it answers a HEAD request, which its bytes do not.
 */
export function nodeResponses(bytes: Uint8Array, areHeads: readonly boolean[]): ResponseReading {
  const responses: { -readonly [Key in keyof ReadResponse]: ReadResponse[Key] }[] = [];
  let raw: string[] = [];
  const parser = createNodeParser('RESPONSE');
  parser[HTTPParser.kOnHeaders] = (fields: string[]): void => {
    raw.push(...fields);
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    fields: string[] | undefined,
    _method: unknown,
    _target: unknown,
    status: number,
    reason: string,
  ): number => {
    const isHead = areHeads[responses.length] === true;
    responses.push({ status, reason, fields: pairsOf(fields ?? raw), content: '', isComplete: false });
    raw = [];
    return isHead ? SKIP_CONTENT : 0;
  };
  parser[HTTPParser.kOnBody] = (content: Buffer): void => {
    const open = responses.at(-1);
    if (open !== undefined) open.content += content.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    const open = responses.at(-1);
    if (open !== undefined) open.isComplete = true;
  };
  const read = parser.execute(bytes);
  const end = typeof read === 'number' ? parser.finish() : read;
  parser.close();
  return { responses, refused: end?.message };
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}
