import { compileLlhttp } from '../../src/http1/llhttp/compile.ts';
import { instantiateLlhttp } from '../../src/http1/llhttp/instance.ts';
import { createParserContext, RequestParser } from '../../src/http1/request-parser.ts';

/**
 * Nanoseconds to parse one browser request of about 700 bytes: our parser with all its checks, against Node's own
 * binding as `node:http` uses it (the parser alone, fields as one array). Alternating rounds, medians and spread.
 */
const request = Buffer.from(
  [
    'GET /articles/2026/11/strict-parsers?utm_source=newsletter&page=2 HTTP/1.1',
    'Host: www.example.com',
    'Connection: keep-alive',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-US,en;q=0.9,de;q=0.8',
    `Cookie: session=${'0123456789abcdef'.repeat(8)}; theme=dark; consent=${'x'.repeat(60)}`,
    '',
    '',
  ].join('\r\n'),
);

type Binding = {
  readonly HTTPParser: {
    new (): { initialize(type: number, resource: object): void; execute(bytes: Uint8Array): number; [index: number]: unknown };
    readonly REQUEST: number;
    readonly kOnHeadersComplete: number;
    readonly kOnBody: number;
    readonly kOnMessageComplete: number;
  };
};

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

const ROUNDS = 21;
const CALLS = 100_000;
const contenders = { ours: ours(), binding: nodeBinding() };
const times: Record<keyof typeof contenders, number[]> = { ours: [], binding: [] };
for (let round = 0; round < ROUNDS; round++) {
  for (const name of ['ours', 'binding'] as const) {
    const call = contenders[name];
    const start = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) call();
    times[name].push(Number(process.hrtime.bigint() - start) / CALLS);
  }
}
const ratios = times.ours.map((time, round) => time / (times.binding[round] ?? Number.NaN)).sort((a, b) => a - b);
const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
console.log(`request of ${request.length} bytes, ${ROUNDS} alternating rounds of ${CALLS}`);
console.log(`ours ${median(times.ours).toFixed(0)} ns, Node's binding ${median(times.binding).toFixed(0)} ns`);
console.log(`ratio ${median(ratios).toFixed(2)} (${ratios[2]?.toFixed(2)} to ${ratios[ROUNDS - 3]?.toFixed(2)}), goal <= 0.50`);
