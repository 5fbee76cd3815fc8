import type { RequestHead } from '../../src/http1/request-head.ts';
import { RequestParser } from '../../src/http1/request-parser.ts';
import { context, defaultLimits } from './parser-events.ts';

/** What `read` makes of the head of the first request in these bytes: a head is valid inside its handler only. */
export function withHead<T>(request: Uint8Array, read: (head: RequestHead) => T): T {
  const results: T[] = [];
  const parser = new RequestParser(context, defaultLimits, {
    onRequestHead: (head) => {
      results.push(read(head));
      parser.stop();
    },
    onContent: () => {},
    onEndOfMessage: () => {},
    onRejected: (rejection) => {
      throw new Error(`the parser refused: ${rejection.rule} (${rejection.detail})`);
    },
  });
  parser.receive(request);
  parser.free();
  const [result] = results;
  if (results.length === 0) throw new Error('no whole head');
  return result as T;
}
