import { createRequire } from 'node:module';

/**
 * Node's own HTTP/1 parser: llhttp too, but natively compiled, in the version of the Node that runs this. The module is
 * internal and the only one that every supported version lets in: a tool for tests, never for the server.
 */
export type NodeParser = {
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void;
  /** Bytes taken, or the error. */
  execute(bytes: Uint8Array): number | Error;
  finish(): undefined | Error;
  close(): void;
  [callback: number]: unknown;
};

type NodeParserClass = {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
};

process.noDeprecation = true;
const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { readonly HTTPParser: NodeParserClass };

export { HTTPParser };

/** Larger than any head that ours lets through. In bytes. */
const maxHeaderSize = 1024 * 1024;
const NO_LENIENCE = 0;

export function createNodeParser(type: 'REQUEST' | 'RESPONSE'): NodeParser {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser[type], {}, maxHeaderSize, NO_LENIENCE);
  return parser;
}
