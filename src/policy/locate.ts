import type { Position } from './mistake.ts';

/** A value as it was written, in whatever format: `start` and `end` are offsets into the text. */
export type SourceNode = {
  readonly value: unknown;
  readonly start: number;
  readonly end: number;
  /** In the order of the file, repeated names too; undefined if it is no object. */
  readonly members?: readonly SourceMember[];
  /** Undefined if it is no list. */
  readonly elements?: readonly SourceNode[];
};

export type SourceMember = { readonly name: string; readonly nameStart: number; readonly node: SourceNode };

/** A parsed policy file that still knows its text. */
export type SourceDocument = { readonly file: string; readonly text: string; readonly root: SourceNode };

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

/** Line ends are LF, CRLF and CR, as in the JSON parsers of editors. */
export function positionAt(text: string, offset: number): Position {
  let line = 1;
  let lineStart = 0;
  for (const { index, 0: lineEnd } of text.slice(0, offset).matchAll(/\r\n|\n|\r/g)) {
    line += 1;
    lineStart = index + lineEnd.length;
  }
  return { line, column: offset - lineStart + 1 };
}

/** RFC 6901 section 3. */
export function escapeSegment(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
