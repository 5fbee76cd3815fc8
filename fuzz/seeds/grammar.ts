import fc from 'fast-check';
import { CONTROL_BYTES } from '../control.ts';

/**
 * Inputs made after the grammar of RFC 9112, most of them valid, some with a byte or two changed: what random bytes hardly
 * ever are, and where two readings of one request part. The same serve as seeds and in property tests.
 */
const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}$/);
const text = fc.stringMatching(/^[!-~\u0080-\u00ff][ -~\u0080-\u00ff\t]{0,12}$/);
const blank = fc.constantFrom('', ' ', '\t', '  ');

const pathPart = fc.oneof(
  fc.constantFrom('a', 'b.c', '~', '%20', '%41', '%2f', '%2e', '..', '.', '%c3%a4', ';x', '', '*', '@', ':'),
  fc.stringMatching(/^[a-z0-9]{1,6}$/),
);
const query = fc.constantFrom('', '?', '?a=b', '?a=%zz&b', '?/x?y');
const path = fc.array(pathPart, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const authority = fc.constantFrom('a', 'a:80', 'A', 'example.com', '[::1]', '[::1]:8000', '127.0.0.1', 'x_y');
const origin = fc.tuple(path, query).map((parts) => parts.join(''));
const target = fc.oneof(
  { weight: 8, arbitrary: origin },
  { weight: 2, arbitrary: fc.tuple(authority, origin).map(([host, rest]) => `http://${host}${rest}`) },
  { weight: 1, arbitrary: fc.constantFrom('*', 'http://a', 'https://a/', 'a', '//a', 'a:80') },
);
const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS') },
  { weight: 1, arbitrary: fc.constantFrom('CONNECT', 'TRACE', 'QUERY', 'PROPFIND', 'get', 'BREW') },
);
const version = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0') },
  { weight: 1, arbitrary: fc.constantFrom('HTTP/2.0', 'HTTP/0.9', 'RTSP/1.0', 'http/1.1') },
);

const knownField = fc.constantFrom(
  ...['Connection: close', 'Connection: keep-alive', 'Connection: x-a, keep-alive', 'Keep-Alive: timeout=5'],
  ...['Connection: upgrade\r\nUpgrade: h2c', 'Upgrade: websocket', 'Expect: 100-continue', 'TE: trailers'],
  ...[
    'Cookie: a=b',
    'X-Forwarded-For: b',
    'Forwarded: for=b',
    'Proxy: x',
    'X-A: b',
    'X_A: c',
    'Content-Type: text/plain',
  ],
  ...['Authorization: x', 'User-Agent: x', 'Transfer_Encoding: chunked', 'Content.Length: 5', 'Trailer: x-a'],
);
const anyField = fc.tuple(token, blank, fc.oneof(text, fc.constant('')), blank).map(([name, before, value, behind]) => {
  return `${name}:${before}${value}${behind}`;
});
const fields = fc.array(fc.oneof(knownField, anyField), { maxLength: 5 });

const extension = fc.constantFrom('', '', ';a', ';a=b', ';a="b;\\"c"', ';a;b=c');
const chunk = fc.tuple(text, extension, fc.nat(3)).map(([data, behind, zeros]) => {
  return `${'0'.repeat(zeros)}${data.length.toString(16)}${behind}\r\n${data}\r\n`;
});
const trailers = fc.array(fc.oneof({ weight: 4, arbitrary: anyField }, fc.constant('Content-Length: 5')), {
  maxLength: 2,
});
const chunked = fc.tuple(fc.array(chunk, { maxLength: 4 }), extension, trailers).map(([chunks, behind, lines]) => ({
  framing: ['Transfer-Encoding: chunked'],
  content: `${chunks.join('')}0${behind}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
}));
const sized = fc
  .tuple(fc.oneof(text, fc.constant('')), fc.constantFrom('', '0'))
  .map(([content, zeros]) => ({ framing: [`Content-Length: ${zeros}${content.length}`], content }));
const framed = fc.oneof(fc.constant({ framing: [] as string[], content: '' }), sized, chunked);

const request = fc
  .tuple(method, target, version, authority, fields, framed, fc.constantFrom('', '', '', '\r\n'))
  .map(([verb, place, protocol, host, lines, { framing, content }, before]) => {
    const all = [`Host: ${host}`, ...lines, ...framing].map((line) => `${line}\r\n`).join('');
    return `${before}${verb} ${place} ${protocol}\r\n${all}\r\n${content}`;
  });

/** A byte replaced, put in or left out. */
const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  removed: fc.nat(2),
  inserted: fc.constantFrom('', '\r', '\n', ' ', '\t', ':', ',', ';', '\0', '"', '5', '0', '\u00e4', '\r\n', 'x'),
});

/** The bytes of one connection: one to three requests, perhaps changed, and how they are read. */
export const connections: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.uint8Array({ minLength: CONTROL_BYTES, maxLength: CONTROL_BYTES }),
    fc.array(request, { minLength: 1, maxLength: 3 }),
    fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(change, { minLength: 1, maxLength: 2 })),
  )
  .map(([control, requests, changes]) => {
    const whole = changes.reduce((bytes, { at, removed, inserted }) => {
      const place = Math.floor(at * bytes.length);
      return bytes.slice(0, place) + inserted + bytes.slice(place + removed);
    }, requests.join(''));
    return Buffer.concat([control, Buffer.from(whole, 'latin1')]);
  });

/** Always the same ones. */
export function grammarMade(count: number): Buffer[] {
  return fc.sample(connections, { seed: 1, numRuns: count });
}
