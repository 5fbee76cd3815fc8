import type { Message, Reading } from '../reading.ts';
import { knownDifferences, shownBy } from './known-differences.ts';

/** Another reader, which shares no code with ours or another version of it. */
export type OracleName = 'node' | 'h11';

/**
 * Where two readers of the same bytes understood different requests, in words; undefined where they agree. A reader that
 * closed says nothing about what follows, nor does one that refused; but what we accept, Node's parser may not refuse.
 */
export function disagreement(
  ours: Reading,
  oracle: OracleName,
  theirs: Reading,
  known = knownDifferences,
): string | undefined {
  const both = Math.min(ours.messages.length, theirs.messages.length);
  for (let index = 0; index < both; index++) {
    const [mine, other] = [ours.messages[index], theirs.messages[index]];
    if (mine === undefined || other === undefined) throw new Error('fewer messages than counted');
    const part = differingPart(shownBy(oracle, mine, known), other);
    if (part !== undefined) return `request ${index + 1} has another ${part}`;
  }
  const isStricter = oracle === 'node' && theirs.end === 'refused';
  if (ours.messages.length > both && (waits(theirs) || isStricter))
    return `we saw ${ours.messages.length} requests, they ${both}`;
  if (theirs.messages.length > both && waits(ours)) return `they saw ${theirs.messages.length} requests, we ${both}`;
  return undefined;
}

function waits({ end }: Reading): boolean {
  return end === 'between' || end === 'within';
}

function differingPart(mine: Message, other: Message): string | undefined {
  if (mine.method !== other.method) return 'method';
  if (mine.target !== other.target) return 'target';
  if (mine.minorVersion !== other.minorVersion) return 'version';
  if (mine.content !== other.content) return 'content';
  if (mine.fields.length !== other.fields.length) return 'number of fields';
  for (const [index, [name, value]] of mine.fields.entries()) {
    const [otherName, otherValue] = other.fields[index] ?? ['', ''];
    if (name !== otherName) return `name in field ${index + 1}`;
    if (value !== otherValue) return `value in field ${index + 1}`;
  }
  return undefined;
}
