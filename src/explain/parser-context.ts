import { compileLlhttp } from '../http1/llhttp/compile.ts';
import { instantiateLlhttp } from '../http1/llhttp/instance.ts';
import { createParserContext, type ParserContext } from '../http1/request-parser.ts';

let parsers: ParserContext | undefined;

/** The parser of the server, which is compiled once and only where somebody asks. */
export function parserContext(): ParserContext {
  parsers ??= createParserContext(instantiateLlhttp(compileLlhttp()));
  return parsers;
}
