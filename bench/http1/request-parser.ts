import { compileLlhttp } from '../../src/http1/llhttp/compile.ts';
import { CONTINUE, instantiateLlhttp, type LlhttpReceiver } from '../../src/http1/llhttp/instance.ts';
import { createParserContext, RequestParser } from '../../src/http1/request-parser.ts';
import { requestBytes } from '../load/browser-request.ts';

type Binding = {
  readonly HTTPParser: {
    new (): {
      initialize(type: number, resource: object): void;
      execute(bytes: Uint8Array): number;
      [index: number]: unknown;
    };
    readonly REQUEST: number;
    readonly kOnHeadersComplete: number;
    readonly kOnBody: number;
    readonly kOnMessageComplete: number;
  };
};

const request = requestBytes('keep-alive');

function nodeBinding(): () => void {
  const binding = Reflect.get(process, 'binding') as (name: string) => Binding;
  process.removeAllListeners('warning');
  const { HTTPParser } = binding('http_parser');
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  let seen = 0;
  parser[HTTPParser.kOnHeadersComplete] = () => {
    seen += 1;
    return 0;
  };
  parser[HTTPParser.kOnBody] = () => {};
  parser[HTTPParser.kOnMessageComplete] = () => {};
  return () => {
    const before = seen;
    parser.execute(request);
    if (seen !== before + 1) throw new Error('the binding saw no request');
  };
}

function ours(): () => void {
  let seen = 0;
  const parser = new RequestParser(
    createParserContext(instantiateLlhttp(compileLlhttp())),
    {
      lineBytes: 4094,
      fieldBytes: 8190,
      totalFieldBytes: 65536,
      fieldCount: 100,
      contentBytes: 1048576,
      trailers: 'drop',
    },
    {
      onRequestHead: () => {
        seen += 1;
      },
      onContent: () => {},
      onEndOfMessage: () => {},
      onRejected: (rejection) => {
        throw new Error(rejection.rule);
      },
    },
  );
  return () => {
    const before = seen;
    parser.receive(request);
    parser.resume();
    if (seen !== before + 1) throw new Error('our parser saw no request');
  };
}

/** What no check of ours can undercut: the same WebAssembly, with callbacks that do nothing. */
function llhttpAlone(): () => void {
  let seen = 0;
  const parser = instantiateLlhttp(compileLlhttp()).createParser();
  const nobody: LlhttpReceiver = {
    onTarget: () => CONTINUE,
    onFieldName: () => CONTINUE,
    onFieldValue: () => CONTINUE,
    onHeadComplete: () => CONTINUE,
    onContent: () => CONTINUE,
    onMessageComplete: () => {
      seen += 1;
      return CONTINUE;
    },
  };
  return () => {
    const before = seen;
    parser.execute(request, 0, request.length, nobody);
    if (seen !== before + 1) throw new Error('llhttp saw no request');
  };
}

export type ParserFigures = {
  readonly requestBytes: number;
  /** Nanoseconds a request, by round. */
  readonly ours: readonly number[];
  readonly llhttp: readonly number[];
  readonly binding: readonly number[];
};

/**
 * Nanoseconds to parse one browser request of about 700 bytes: our parser with all its checks, against Node's own
 * binding as `node:http` uses it (the parser alone, fields as one array). Alternating rounds after one warm-up.
 */
export function measureParsers(rounds: number, calls: number): ParserFigures {
  const contenders = { ours: ours(), llhttp: llhttpAlone(), binding: nodeBinding() };
  const times: Record<keyof typeof contenders, number[]> = { ours: [], llhttp: [], binding: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const name of ['ours', 'llhttp', 'binding'] as const) {
      const call = contenders[name];
      const start = process.hrtime.bigint();
      for (let i = 0; i < calls; i++) call();
      const nanoseconds = Number(process.hrtime.bigint() - start) / calls;
      if (round > 0) times[name].push(nanoseconds);
    }
  }
  return { requestBytes: request.length, ...times };
}
