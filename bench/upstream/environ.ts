import { compileLlhttp } from '../../src/http1/llhttp/compile.ts';
import { instantiateLlhttp } from '../../src/http1/llhttp/instance.ts';
import type { RequestHead } from '../../src/http1/request-head.ts';
import { createParserContext, RequestParser } from '../../src/http1/request-parser.ts';
import { Inspection, inspect, inspectForm } from '../../src/inspect/inspect.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { EnvironEncoder, encodePairs } from '../../src/upstream/environ.ts';

/** Nanoseconds for the checks of one head and for its environ, each beside the parsing that comes before. */
const request = Buffer.from(
  [
    'GET /articles/2026/11/strict-parsers?page=2 HTTP/1.1',
    'Host: www.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-US,en;q=0.9',
    'Cookie: session=0123456789abcdef0123456789abcdef',
    'Cache-Control: max-age=0',
    '',
    '',
  ].join('\r\n'),
);

const policy = putInForce(loadPolicy(null));
const inspection = new Inspection();
const encoder = new EnvironEncoder('0123456789abcdef-');
const pairText = encodePairs([
  ['SERVER_NAME', '127.0.0.1'],
  ['SERVER_PORT', '8000'],
  ['REMOTE_ADDR', '127.0.0.1'],
  ['REMOTE_PORT', '54321'],
  ['wsgi.url_scheme', 'http'],
  ['portcullis.policy', 'default'],
]);
const pairs = Buffer.from(pairText, 'latin1');
const isRefused = (head: RequestHead): boolean =>
  (inspectForm(head, inspection) ?? inspect(head, policy.for(head, inspection), inspection)) !== undefined;
const stations = { parse: 1, inspect: 2, environ: 3 } as const;
let station = 0;
let bytes = 0;
const parser = new RequestParser(createParserContext(instantiateLlhttp(compileLlhttp())), policy.headLimits, {
  onRequestHead(head) {
    if (station >= stations.inspect && isRefused(head)) throw new Error('refused');
    if (station >= stations.environ) bytes = encoder.encode(head, inspection, pairs, 12345).length;
  },
  onContent: () => {},
  onEndOfMessage: () => {},
  onRejected: (rejection) => {
    throw new Error(rejection.rule);
  },
});

const ROUNDS = 15;
const CALLS = 100_000;
const times: Record<string, number[]> = {};
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, upTo] of Object.entries(stations)) {
    station = upTo;
    const start = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) {
      parser.receive(request);
      parser.resume();
    }
    times[name] ??= [];
    times[name].push(Number(process.hrtime.bigint() - start) / CALLS);
  }
}
const median = (name: string) => (times[name] ?? []).sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
console.log(`request of ${request.length} bytes, environ of ${bytes} bytes, medians of ${ROUNDS} rounds of ${CALLS}`);
console.log(`parse ${median('parse').toFixed(0)} ns`);
console.log(`+ checks ${(median('inspect') - median('parse')).toFixed(0)} ns`);
console.log(`+ environ ${(median('environ') - median('inspect')).toFixed(0)} ns`);
