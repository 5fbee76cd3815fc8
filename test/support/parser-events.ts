import { compileLlhttp } from '../../src/http1/llhttp/compile.ts';
import { instantiateLlhttp } from '../../src/http1/llhttp/instance.ts';
import { createParserContext, type ParserLimits, RequestParser } from '../../src/http1/request-parser.ts';
import type { Rejection } from '../../src/rejection/rejection.ts';
import type { RuleId } from '../../src/rejection/rules.ts';

/** What a parser made of some bytes, adjacent content joined, in a form that tests can compare. */
export type SeenEvent =
  | {
      readonly type: 'head';
      readonly method: string;
      readonly target: string;
      readonly version: string;
      readonly fields: readonly (readonly [string, string])[];
      readonly framing: string;
      readonly keepAlive: boolean;
    }
  | { readonly type: 'content'; readonly text: string }
  | { readonly type: 'end' }
  | { readonly type: 'rejected'; readonly rule: RuleId };

export const defaultLimits: ParserLimits = {
  lineBytes: 4094,
  fieldBytes: 8190,
  totalFieldBytes: 65536,
  fieldCount: 100,
  contentBytes: 1048576,
  trailers: 'drop',
};

export const context = createParserContext(instantiateLlhttp(compileLlhttp()));

export type ReadOptions = { readonly limits?: Partial<ParserLimits>; readonly peerEnds?: boolean };

/** Parses the pieces as reads of one connection; every message is answered at once. */
export function events(pieces: readonly Uint8Array[], options: ReadOptions = {}): SeenEvent[] {
  const seen: SeenEvent[] = [];
  const parser = new RequestParser(
    context,
    { ...defaultLimits, ...options.limits },
    {
      onRequestHead(head) {
        const fields: [string, string][] = [];
        for (let i = 0; i < head.fieldCount; i++) {
          fields.push([
            head.latin1(head.nameStart(i), head.nameEnd(i)),
            head.latin1(head.valueStart(i), head.valueEnd(i)),
          ]);
        }
        seen.push({
          type: 'head',
          method: head.method,
          target: head.latin1(head.targetStart, head.targetEnd),
          version: `1.${head.minorVersion}`,
          fields,
          framing: head.framing === 'content-length' ? `${head.contentLength} bytes` : head.framing,
          keepAlive: head.keepAlive,
        });
      },
      onContent(bytes) {
        const text = Buffer.from(bytes).toString('latin1');
        const last = seen.at(-1);
        if (last?.type === 'content') seen[seen.length - 1] = { type: 'content', text: last.text + text };
        else seen.push({ type: 'content', text });
      },
      onEndOfMessage() {
        seen.push({ type: 'end' });
      },
      onRejected(rejection: Rejection) {
        seen.push({ type: 'rejected', rule: rejection.rule });
      },
    },
  );
  for (const piece of pieces) {
    // As a listener reads: into one buffer that is overwritten by the next read.
    const read = Buffer.from(piece);
    parser.receive(read);
    read.fill('X');
    resumeWhileAnswered(parser, seen);
  }
  if (options.peerEnds === true) parser.receiveEnd();
  parser.free();
  return seen;
}

function resumeWhileAnswered(parser: RequestParser, seen: readonly SeenEvent[]): void {
  for (let before = -1; seen.at(-1)?.type === 'end' && seen.length !== before; ) {
    before = seen.length;
    const head = seen.findLast((event) => event.type === 'head');
    if (head?.type === 'head' && !head.keepAlive) parser.stop();
    else parser.resume();
  }
}

export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

/** The rule that refused, if one did. */
export function refusedBy(seen: readonly SeenEvent[]): RuleId | null {
  const last = seen.at(-1);
  return last?.type === 'rejected' ? last.rule : null;
}

/** The same as lines: what a row of a case file says. */
export function transcript(seen: readonly SeenEvent[]): string[] {
  return seen.map(lineOf);
}

function lineOf(event: SeenEvent): string {
  switch (event.type) {
    case 'head': {
      const { method, target, version, framing, keepAlive } = event;
      return `${method} ${target} ${version}, ${framing}, ${keepAlive ? 'keep-alive' : 'close'}`;
    }
    case 'content':
      return `content: ${event.text}`;
    case 'end':
      return 'end';
    case 'rejected':
      return `rejected: ${event.rule}`;
  }
}
