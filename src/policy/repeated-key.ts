import { escapeSegment, type SourceNode } from './locate.ts';

/** `first` and `again` are the offsets of the two names. */
export type RepeatedKey = { readonly pointer: string; readonly first: number; readonly again: number };

/** Keys that one object has twice. Readers take the first or the last, so two people would read two policies. */
export function* repeatedKeys(node: SourceNode, pointer = ''): Generator<RepeatedKey> {
  const seen = new Map<string, number>();
  for (const { name, nameStart, node: member } of node.members ?? []) {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, nameStart);
    else yield { pointer: `${pointer}/${escapeSegment(name)}`, first, again: nameStart };
    if (hasParts(member)) yield* repeatedKeys(member, `${pointer}/${escapeSegment(name)}`);
  }
  for (const [index, element] of (node.elements ?? []).entries()) {
    if (hasParts(element)) yield* repeatedKeys(element, `${pointer}/${index}`);
  }
}

/** Lists are long, and most of what is in them is text. */
function hasParts({ members, elements }: SourceNode): boolean {
  return members !== undefined || elements !== undefined;
}
