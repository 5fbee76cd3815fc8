import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { plainFields } from '../../fuzz/plain-environ.ts';
import { type ForwardedFamily, forwardingFields } from '../../src/inspect/forwarded.ts';
import { Inspection, type InspectPolicy, inspect, inspectForm } from '../../src/inspect/inspect.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { expand } from '../../src/rejection/example-bytes.ts';
import { EnvironEncoder, encodePairs, longestEnviron } from '../../src/upstream/environ.ts';
import { isBelow, type Mount, mountAt } from '../../src/upstream/mount.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { defaultLimits } from '../support/parser-events.ts';
import { withHead } from '../support/with-head.ts';

type EnvironCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly request: string;
  /** All keys that come from fields, no more and no less. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Other keys. */
  readonly environ?: Readonly<Record<string, string>>;
  /** Where the application lives; everywhere if left out. */
  readonly mount?: string;
  /** A trusted proxy wrote the fields of this family. */
  readonly passes?: ForwardedFamily;
  /** The path lies outside of that. */
  readonly notMounted?: true;
};

const { general } = putInForce(loadPolicy(null));
const policy: InspectPolicy = {
  ...general,
  request: { ...general.request, dotSegments: 'keep', encodedSlash: 'decode' },
};
const inspection = new Inspection();
const requestIdPrefix = '0123456789abcdef-';
const encoder = new EnvironEncoder(requestIdPrefix);
const ofConnection: readonly (readonly [string, string])[] = [
  ['SERVER_NAME', 'listener.example'],
  ['SERVER_PORT', '8000'],
  ['REMOTE_ADDR', '192.0.2.1'],
];
const connectionPairs = Buffer.from(encodePairs(ofConnection), 'latin1');
const ofRequest = [
  ...['REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'RAW_URI', 'SERVER_PROTOCOL'],
  'portcullis.request_id',
];

function encode(request: Uint8Array, number = 7, encodedBy = encoder): Buffer {
  return withHead(request, (head) => {
    assert.equal(inspectForm(head, inspection) ?? inspect(head, policy, inspection), undefined);
    return Buffer.from(encodedBy.encode(head, inspection, connectionPairs, number));
  });
}

function isMounted(request: Uint8Array, mount: Mount): boolean {
  return withHead(request, (head) => {
    assert.equal(inspectForm(head, inspection) ?? inspect(head, policy, inspection), undefined);
    return isBelow(inspection, mount);
  });
}

/** The pairs of a block; fails where it is no whole number of them. */
function pairsOf(block: Buffer): [string, string][] {
  const texts = block.toString('latin1').split('\0');
  assert.equal(texts.pop(), '', 'NUL ends the block');
  assert.equal(texts.length % 2, 0, 'each key has its value');
  return texts.flatMap((key, index) => (index % 2 === 0 ? [[key, texts[index + 1] ?? '']] : []));
}

/** Each key once, or it fails: the second would win or lose, as the reader likes. */
function environOf(request: Uint8Array, mount = mountAt(''), passes?: ForwardedFamily): Record<string, string> {
  inspection.passedForwarding = passes === undefined ? 0 : forwardingFields[passes];
  const encodedBy = mount.scriptName === '' ? encoder : new EnvironEncoder(requestIdPrefix, mount);
  const pairs = pairsOf(encode(request, 7, encodedBy));
  const keys = pairs.map(([key]) => key);
  assert.deepEqual(keys, [...new Set(keys)]);
  return Object.fromEntries(pairs);
}

function fieldsIn(environ: Record<string, string>): Record<string, string> {
  const isField = (key: string) => key.startsWith('HTTP_') || key.startsWith('CONTENT_');
  return Object.fromEntries(Object.entries(environ).filter(([key]) => isField(key)));
}

describe('an environ', () => {
  for (const row of readCases<EnvironCase>('environ.cases.json', import.meta.url)) {
    it(`${row.behaviour} (${row.source})`, () => {
      const mount = mountAt(row.mount ?? '');
      assert.equal(isMounted(bytesOf(row.request), mount), row.notMounted !== true);
      if (row.notMounted === true) return;
      const environ = environOf(bytesOf(row.request), mount, row.passes);
      if (row.fields !== undefined) assert.deepEqual(fieldsIn(environ), expandAll(row.fields));
      for (const [key, value] of Object.entries(row.environ ?? {})) assert.equal(environ[key], value, key);
    });
  }

  it('has the keys of the connection, of the request and of its fields, and no other', () => {
    const environ = environOf(bytesOf('GET /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n'));
    const keys = [...ofConnection.map(([key]) => key), ...ofRequest, 'CONTENT_LENGTH', 'HTTP_HOST'];
    assert.deepEqual(Object.keys(environ).sort(), keys.sort());
    assert.deepEqual(
      ofConnection.map(([key]) => [key, environ[key]]),
      ofConnection,
    );
  });

  it('numbers its request', () => {
    const request = bytesOf('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    for (const number of [0, 9, 10, 99, 100, 2 ** 31, 2 ** 40 + 1]) {
      const id = pairsOf(encode(request, number)).find(([key]) => key === 'portcullis.request_id');
      assert.equal(id?.[1], `0123456789abcdef-${number}`);
    }
  });

  it('refuses connection pairs with NUL, which would be other pairs', () => {
    assert.throws(() => encodePairs([['SERVER_NAME', 'a\0b']]), /NUL in SERVER_NAME/);
    assert.throws(() => encodePairs([['A\0B', 'c']]), /NUL/);
  });
});

describe('any environ', () => {
  const name = fc.oneof(
    fc.constantFrom(
      'Accept',
      'accept',
      'Cookie',
      'X-A',
      'x-a',
      'X_A',
      'X.A',
      'X-AA',
      'A-A',
      'X-B',
      'Proxy',
      'TE',
      'Via',
    ),
    fc.constantFrom('X-Forwarded-For', 'X-Forwarded-', 'Forwarded', 'X-Real-IP', 'Keep-Alive', 'Upgrade', 'Proxies'),
    fc.stringMatching(/^[A-Ca-c_-]{1,3}$/),
    fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/).filter((text) => !singletons.has(text.toLowerCase())),
  );
  const singletons = new Set(['host', 'content-length', 'transfer-encoding', 'content-type', 'expect', 'connection']);
  const byte = fc.oneof(fc.integer({ min: 0x21, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }));
  const value = fc.oneof(
    fc.array(byte, { maxLength: 6 }).map((bytes) => String.fromCharCode(...bytes)),
    fc.constantFrom('', 'a b', 'a\tb', 'x'.repeat(50), 'y'.repeat(300)),
  );
  const nomination = fc.array(fc.constantFrom('close', 'keep-alive', 'X-A', 'accept', 'Cookie', 'host', 'via', ''), {
    maxLength: 3,
  });
  const lines = fc
    .tuple(
      fc.array(fc.tuple(name, value), { maxLength: 12 }),
      fc.option(nomination),
      fc.option(fc.constantFrom('text/plain', '')),
    )
    .map(([fields, options, type]) => [
      ['Host', 'a'] as const,
      ...fields,
      ...(options === null ? [] : [['Connection', options.join(', ').trim()] as const]),
      ...(type === null ? [] : [['Content-Type', type] as const]),
    ]);
  const requestOf = (fields: readonly (readonly [string, string])[]): Buffer =>
    Buffer.from(`GET / HTTP/1.1\r\n${fields.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`, 'latin1');

  it('holds the fields that may pass, joined in their order, and no others', () => {
    fc.assert(
      fc.property(lines, (fields) => {
        assert.deepEqual(fieldsIn(environOf(requestOf(fields))), plainFields(fields));
      }),
      { numRuns: 3000 },
    );
  });

  it('is the same whether its fields are written straight away or joined', () => {
    fc.assert(
      fc.property(lines, (fields) => {
        // A nomination of nothing that came makes the encoder take its slow way.
        const joined = environOf(requestOf([...fields, ['Connection', 'x-not-there']]));
        assert.deepEqual(environOf(requestOf(fields)), joined);
      }),
      { numRuns: 2000 },
    );
  });

  it('has its path decoded and its query as it came', () => {
    const piece = fc.oneof(
      fc.stringMatching(/^[a-zA-Z0-9._~!$&'()*+,;=:@/|-]{1,5}$/),
      fc.integer({ min: 1, max: 255 }).map((code) => `%${code.toString(16).padStart(2, '0')}`),
    );
    const target = fc.tuple(fc.array(piece), fc.option(fc.array(fc.oneof(piece, fc.constantFrom('?', '%', '%00')))));
    fc.assert(
      fc.property(target, ([path, query]) => {
        const raw = `/${path.join('')}${query === null ? '' : `?${query.join('')}`}`;
        const environ = environOf(Buffer.from(`GET ${raw} HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1'));
        const decoded = path.map((text) =>
          text.startsWith('%') ? String.fromCharCode(Number.parseInt(text.slice(1), 16)) : text,
        );
        const seen = [environ['PATH_INFO'], environ['QUERY_STRING'], environ['RAW_URI']];
        assert.deepEqual(seen, [`/${decoded.join('')}`, query?.join('') ?? '', raw]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the longest environ', () => {
  const longest = longestEnviron(defaultLimits);
  const cases: readonly { readonly what: string; readonly request: string }[] = [
    { what: 'many fields of one letter', request: 'GET / HTTP/1.1\r\nHost: a\r\n{X: y\r\n*99}\r\n' },
    {
      what: 'long fields',
      request: `GET / HTTP/1.1\r\nHost: a\r\n{X: ${'y'.repeat(600)}\r\n*99}\r\n`,
    },
    { what: 'a long path', request: 'GET /{a*4000} HTTP/1.1\r\nHost: a\r\n\r\n' },
    {
      what: 'an absolute target whose parts are said twice',
      request: 'GET http://a/{a*2000}?{b*2000} HTTP/1.1\r\nHost: a\r\n\r\n',
    },
    { what: 'a long query', request: 'GET /?{a*4000} HTTP/1.1\r\nHost: a\r\n\r\n' },
    { what: 'names only', request: 'GET / HTTP/1.1\r\nHost: a\r\n{nnnnnnnnnnnnnnnnnnnn:\r\n*99}\r\n' },
  ];
  for (const { what, request } of cases) {
    it(`is not reached with ${what}, and nothing of it is lost`, () => {
      // A new one, whose first buffer is small.
      const block = encode(bytesOf(request), 7, new EnvironEncoder(requestIdPrefix));
      assert.ok(block.length <= longest, `${block.length} of ${longest} bytes`);
      assert.deepEqual(pairsOf(block).sort(), pairsOf(encode(bytesOf(request))).sort());
      const [, target] = request.split(' ');
      assert.equal(Object.fromEntries(pairsOf(block))['RAW_URI'], expand(target ?? ''));
    });
  }

  it('is not reached with the largest fields and the largest absolute-form target at once', () => {
    const host = `${'h'.repeat(249)}:12345`;
    const lines = Array.from({ length: 7 }, (_, index) => `X-${index}: ${'y'.repeat(8185)}\r\n`);
    const small = Array.from({ length: 90 }, (_, index) => `Y-${index}: ${'z'.repeat(80)}\r\n`);
    const fields = `Host: ${host}\r\n${lines.join('')}${small.join('')}`;
    const request = bytesOf(`GET http://${host}/{a*3000}?{b*800} HTTP/1.1\r\n${fields}\r\n`);
    const block = encode(request);
    assert.ok(block.length <= longest, `${block.length} of ${longest} bytes`);
    const environ = Object.fromEntries(pairsOf(block));
    assert.equal(environ['HTTP_HOST'], host);
    assert.equal(environ['HTTP_X_6'], 'y'.repeat(8185));
    assert.equal(environ['HTTP_Y_89'], 'z'.repeat(80));
  });
});

function expandAll(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, expand(value)]));
}
