import type { Position } from './mistake.ts';

/** Offsets into the text. */
export type Place = { readonly start: number; readonly end: number };

/** A value as it was written, in whatever format. */
export type SourceNode = Place & {
  readonly value: unknown;
  /** In the order of the file, repeated names too; undefined if it is no object. */
  readonly members?: readonly SourceMember[];
  /** Undefined if it is no list. */
  readonly elements?: readonly SourceNode[];
};

export type SourceMember = { readonly name: string; readonly nameStart: number; readonly node: SourceNode };

/** A parsed policy file that still knows its text. */
export type SourceDocument = { readonly file: string; readonly text: string; readonly root: SourceNode };

/** Objects have no prototype here, so `__proto__` is a key like any other. Of a repeated key the last value counts. */
export function objectNode(place: Place, members: readonly SourceMember[]): SourceNode {
  const value: Record<string, unknown> = Object.create(null);
  for (const { name, node } of members) value[name] = node.value;
  return { ...place, value, members };
}

export function listNode(place: Place, elements: readonly SourceNode[]): SourceNode {
  return { ...place, value: elements.map(({ value }) => value), elements };
}

/** Where a pointer leads: the value, and where its key stands (an element and the root have none: the value's start). */
export type Located = { readonly node: SourceNode; readonly nameStart: number };

/** Undefined if the document has nothing there. Of a repeated key the last one, whose value counts elsewhere too. */
export function locate(document: SourceDocument, pointer: string): Located | undefined {
  let located: Located | undefined = { node: document.root, nameStart: document.root.start };
  for (const segment of pointer.split('/').slice(1)) {
    located = child(located.node, segment.replaceAll('~1', '/').replaceAll('~0', '~'));
    if (located === undefined) return undefined;
  }
  return located;
}

function child(node: SourceNode, name: string): Located | undefined {
  if (node.members !== undefined) return node.members.findLast((member) => member.name === name);
  const element = /^(0|[1-9][0-9]{0,8})$/.test(name) ? node.elements?.[Number(name)] : undefined;
  return element === undefined ? undefined : { node: element, nameStart: element.start };
}

/** LF, CRLF and CR, as in the JSON parsers of editors. */
const lineEnds = /\r\n|\n|\r/g;

export function positionAt(text: string, offset: number): Position {
  return positionsIn(text.slice(0, offset))(offset);
}

/** The same for many offsets of one text, which is searched for its lines once. */
export function positionsIn(text: string): (offset: number) => Position {
  const starts = [0, ...[...text.matchAll(lineEnds)].map(({ index, 0: lineEnd }) => index + lineEnd.length)];
  return (offset) => {
    let first = 0;
    let last = starts.length - 1;
    while (first < last) {
      const middle = (first + last + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) first = middle;
      else last = middle - 1;
    }
    return { line: first + 1, column: offset - (starts[first] ?? 0) + 1 };
  };
}

/** The lines that `positionAt` counts, without their ends. */
export function linesOf(text: string): readonly string[] {
  return text.split(lineEnds);
}

/** RFC 6901 section 3. */
export function escapeSegment(name: string): string {
  return /[~/]/.test(name) ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name;
}
