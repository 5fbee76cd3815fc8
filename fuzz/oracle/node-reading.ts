import { type Message, methodName, type Reading } from '../reading.ts';
import { createNodeParser, HTTPParser } from './node-parser.ts';

/** How Node's own HTTP/1 server reads the bytes. */
export function nodeReading(bytes: Uint8Array): Reading {
  const messages: Message[] = [];
  let open: { -readonly [Key in keyof Message]: Message[Key] } | undefined;
  let raw: string[] = [];
  let url = '';
  let upgraded = false;
  let keepAlive = true;
  const parser = createNodeParser('REQUEST');
  parser[HTTPParser.kOnHeaders] = (fields: string[], part: string): void => {
    // Behind the head these are trailers.
    if (open !== undefined) return;
    raw.push(...fields);
    url += part;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    minorVersion: number,
    fields: string[] | undefined,
    method: number,
    target: string | undefined,
    _status: unknown,
    _reason: unknown,
    upgrade: boolean,
    shouldKeepAlive: boolean,
  ): number => {
    const all = fields ?? raw;
    open = {
      method: methodName(method),
      target: target ?? url,
      minorVersion,
      fields: pairsOf(all),
      content: '',
    };
    raw = [];
    url = '';
    upgraded = upgrade;
    keepAlive = shouldKeepAlive;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (content: Buffer): void => {
    if (open !== undefined) open.content += content.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    if (open !== undefined) messages.push(open);
    open = undefined;
    raw = [];
    url = '';
  };
  // Behind an offered upgrade the parser stops, since a server may take it. Ours never does: a new one reads on.
  const result = parser.execute(bytes);
  parser.close();
  if (typeof result !== 'number') {
    // It takes `Proxy-Connection: close`, even in a trailer, for the end of the connection; RFC 9112 section 9.3 does not.
    const isClosed = 'code' in result && result.code === 'HPE_CLOSED_CONNECTION';
    return { messages, end: isClosed ? 'closed' : 'refused' };
  }
  if (upgraded && result < bytes.length) {
    const rest = nodeReading(bytes.subarray(result));
    return { messages: [...messages, ...rest.messages], end: rest.end };
  }
  if (!keepAlive && open === undefined && messages.length > 0) return { messages, end: 'closed' };
  // It does not say whether it waits inside a head: nothing is claimed of that.
  return { messages, end: open === undefined ? 'between' : 'within' };
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '']);
  return pairs;
}
