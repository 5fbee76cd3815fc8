import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { policyFrom } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { type RuleId, rules } from '../../src/rejection/rules.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type HeldRequest, TestEdge } from './edge-harness.ts';

const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (path: string, content: string, fields = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n${fields}\r\n${content}`;
const chunked = (path: string, content: string, trailer = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${content.length.toString(16)}\r\n${content}\r\n0\r\n${trailer}\r\n`;
const ok = '200 OK\0';

let edge: TestEdge;
afterEach(() => edge.stop());

/** Content goes on as it comes: it may have to be refused while the request runs. */
function policyOf(file: object) {
  const policy = policyFrom(Buffer.from(JSON.stringify(file)), 'site.json');
  return { ...policy, request: { ...policy.request, delivery: 'stream' as const } };
}

/** Answers each request with its path, unless the test holds it. */
async function start(file: object, answers = true): Promise<TestEdge> {
  edge = await new TestEdge(() => policyOf(file)).listen();
  if (answers) edge.onDispatch = (request) => setImmediate(() => answer(request));
  return edge;
}

/** Once all content is there: an answer before would hide what is wrong with it. */
function answer(request: HeldRequest, isFirst = true): void {
  if (request.isAborted) return;
  if (isFirst) {
    request.start();
    request.grant(16 * 2 ** 20);
  }
  if (request.contentHasEnded) request.respond(ok, `[${request.path}]`);
  else setImmediate(() => answer(request, false));
}

/** What one request gets on a connection of its own: a path that was answered, or a status and its rule. */
async function outcome(bytes: string): Promise<string> {
  const client = await edge.client(bytes);
  const text = await client.receive(/\[[^\]]*\]$|HTTP\/1\.1 [45]\d\d[\s\S]*\r\n\r\n/);
  client.destroy();
  return /\[[^\]]*\]$/.exec(text)?.[0] ?? /\d{3}/.exec(text.slice(9))?.[0] ?? text;
}

function refusals(): readonly string[] {
  return edge.lines.flatMap((line) => /^Refused \S+ (\S+)/.exec(line)?.[1] ?? []);
}

function observations(): readonly string[] {
  return edge.lines.flatMap((line) => /^Would refuse \S+ (\S+)/.exec(line)?.[1] ?? []);
}

async function assertRefused(bytes: string, rule: RuleId): Promise<void> {
  const before = refusals().length;
  assert.equal(await outcome(bytes), String(rules[rule].status), JSON.stringify(bytes.slice(0, 60)));
  assert.deepEqual(refusals().slice(before), [rule]);
}

describe('a route with a higher limit of content', () => {
  it('lets a large POST pass, while others get 413', async () => {
    await start({ routes: [{ path: '/up/*', methods: ['POST'], request: { content: { maxBytes: '8MiB' } } }] });
    const large = 'x'.repeat(2 * 2 ** 20);
    for (const path of ['/up/1', '//up/1', '/%75p/1']) {
      assert.match(await outcome(post(path, large)), /^\[\/+up\/1\]$/);
    }
    await assertRefused(post('/other', large), 'content.too-large');
    await assertRefused(post('/up/1', large).replace('POST', 'PUT'), 'content.too-large');
    await assertRefused(chunked('/other', large), 'content.too-large');
    assert.equal(await outcome(chunked('/up/2', large)), '[/up/2]');
  });

  it('holds one request alone of a connection', async () => {
    await start({
      request: { content: { maxBytes: 10 } },
      routes: [{ path: '/up', request: { content: { maxBytes: 100 } } }],
    });
    const content = 'x'.repeat(50);
    const client = await edge.client(chunked('/up', content) + chunked('/other', content));
    const text = await client.receiveAll();
    assert.match(text, /\[\/up\][\s\S]*HTTP\/1\.1 413/);
    assert.deepEqual(refusals(), ['content.too-large']);
  });
});

type Limit = {
  readonly rule: RuleId;
  /** A request file with this limit. */
  readonly request: (limit: number) => object;
  /** A request that has exactly so much. */
  readonly bytes: (path: string, much: number) => string;
  readonly low: number;
  readonly high: number;
};

const fieldBytes = 'Host: a\r\n'.length;
const limits: readonly Limit[] = [
  {
    rule: 'request-line.too-long',
    request: (maxBytes) => ({ line: { maxBytes } }),
    bytes: (path, much) => get(`${path}?${'q'.repeat(much - `GET ${path}? HTTP/1.1`.length)}`),
    low: 40,
    high: 9000,
  },
  {
    rule: 'fields.too-many',
    request: (maxCount) => ({ fields: { maxCount } }),
    bytes: (path, much) => get(path, 'X: y\r\n'.repeat(much - 1)),
    low: 4,
    high: 300,
  },
  {
    rule: 'field.too-large',
    request: (maxFieldBytes) => ({ fields: { maxFieldBytes } }),
    bytes: (path, much) => get(path, `X: ${'y'.repeat(much - 3)}\r\n`),
    low: 30,
    high: 20_000,
  },
  {
    rule: 'fields.too-large',
    request: (maxTotalBytes) => ({ fields: { maxTotalBytes } }),
    bytes: (path, much) => {
      const left = much - fieldBytes;
      const whole = Math.floor((left - 9) / 1000);
      return get(path, `${`X: ${'y'.repeat(995)}\r\n`.repeat(whole)}X: ${'y'.repeat(left - whole * 1000 - 5)}\r\n`);
    },
    low: 100,
    high: 80_000,
  },
];

describe('a route with limits of its own for a head', () => {
  for (const { rule, request, bytes, low, high } of limits) {
    it(`refuses by a lower one at the byte, as the parser would: ${rule}`, async () => {
      await start({ routes: [{ path: '/low/*', request: request(low) }] });
      assert.equal(await outcome(bytes('/low/a', low)), '[/low/a]');
      await assertRefused(bytes('/low/a', low + 1), rule);
      await assertRefused(bytes('//low/a', low + 1), rule);
      assert.equal(await outcome(bytes('/other', low + 1)), '[/other]');
    });

    it(`takes up to a higher one, which holds nowhere else: ${rule}`, async () => {
      await start({ routes: [{ path: '/high/*', request: request(high) }] });
      assert.equal(await outcome(bytes('/high/a', high)), '[/high/a]');
      await assertRefused(bytes('/high/a', high + 1), rule);
      await assertRefused(bytes('/other', high), rule);
    });
  }

  it('closes the connection with the refusal, and reads nothing behind it', async () => {
    await start({ routes: [{ path: '/low', request: { line: { maxBytes: 30 } } }] });
    const client = await edge.client(get(`/low?${'q'.repeat(20)}`) + get('/behind'));
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 414 [\s\S]*Connection: close\r\n/);
    assert.equal(edge.requests.length, 0);
  });
});

describe('the deadlines of a route', () => {
  const file = {
    timeouts: { worker: '2s', content: '2s', head: '2s' },
    routes: [{ path: '/slow', timeouts: { worker: '60s', content: '50s' } }],
  };

  it('hold for its worker', async () => {
    await start(file, false);
    const slow = await edge.client(get('/slow'));
    const other = await edge.client(get('/other'));
    for (const index of [0, 1]) (await edge.request(index)).start();
    edge.pass(3000);
    assert.match(await other.receive(/\r\n\r\n/), /^HTTP\/1\.1 504/);
    assert.equal(slow.received.length, 0);
    edge.pass(58_000);
    assert.match(await slow.receive(/\r\n\r\n/), /^HTTP\/1\.1 504/);
  });

  it('hold for its content', async () => {
    await start(file, false);
    const part = (path: string): string => post(path, 'x'.repeat(9)).slice(0, -5);
    const slow = await edge.client(part('/slow'));
    const other = await edge.client(part('/other'));
    for (const index of [0, 1]) (await edge.request(index)).start();
    edge.pass(3000);
    assert.match(await other.receive(/\r\n\r\n/), /^HTTP\/1\.1 408/);
    assert.equal(slow.received.length, 0);
    edge.pass(48_000);
    assert.match(await slow.receive(/\r\n\r\n/), /^HTTP\/1\.1 408/);
  });

  it('do not hold for the head of the next request', async () => {
    await start({ ...file, routes: [{ path: '/slow', timeouts: { content: '50s' }, keepAlive: { idle: '40s' } }] });
    const client = await edge.client(get('/slow'));
    await client.receive(/\[\/slow\]$/);
    edge.pass(20_000);
    client.send('GET /other');
    await edge.until(() => edge.listener.connectionCount === 1, 'open');
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    edge.pass(3000);
    assert.match(await client.receiveAll(), /\[\/slow\]HTTP\/1\.1 408/);
  });
});

describe('a route with fewer requests for a connection', () => {
  it('ends it behind its own, and leaves it to others', async () => {
    await start({ routes: [{ path: '/last', keepAlive: { maxRequests: 1 } }] });
    const client = await edge.client(get('/1') + get('/2') + get('/last') + get('/4'));
    const text = await client.receiveAll();
    assert.deepEqual(text.match(/Connection: close|\[\/\w+\]/g), ['[/1]', '[/2]', 'Connection: close', '[/last]']);
  });
});

describe('trailers of a route', () => {
  it('are refused where it says so', async () => {
    await start({ routes: [{ path: '/strict', request: { trailers: 'reject' } }] });
    assert.equal(await outcome(chunked('/other', 'abc', 'X: y\r\n')), '[/other]');
    const client = await edge.client(chunked('/strict', 'abc', 'X: y\r\n'));
    await client.receiveAll();
    assert.deepEqual(refusals(), ['trailer.forbidden']);
  });

  it('are dropped where it alone says so', async () => {
    await start({
      request: { trailers: 'reject' },
      routes: [{ path: '/lax', request: { trailers: 'drop' } }],
    });
    edge.onDispatch = () => {};
    const client = await edge.client(chunked('/lax', 'abc', 'X: y\r\n'));
    const request = (await edge.request()).start();
    await edge.until(() => request.contentHasEnded, 'the end');
    request.respond(ok, 'fine');
    await client.receive(/fine$/);
    const other = await edge.client(chunked('/other', 'abc', 'X: y\r\n'));
    assert.match(await other.receiveAll(), /^HTTP\/1\.1 400/);
  });
});

describe('a client that is denied', () => {
  it('gets 403 and the end of its connection', async () => {
    await start({ clients: { deny: ['127.0.0.0/8'] } });
    const client = await edge.client(get('/1') + get('/2'));
    const text = await client.receiveAll();
    assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*Connection: close\r\n/);
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
    assert.deepEqual(refusals(), ['client.denied']);
    assert.equal(edge.requests.length, 0);
  });

  it('is denied on the route alone that says so', async () => {
    await start({ routes: [{ path: '/in/*', clients: { allow: ['192.0.2.1'] } }] });
    assert.equal(await outcome(get('/out')), '[/out]');
    for (const path of ['/in', '//in/x', '/%69n/']) await assertRefused(get(path), 'client.denied');
  });

  it('is let in on the route alone that says so', async () => {
    await start({
      clients: { allow: ['192.0.2.1'] },
      routes: [{ path: '/health', clients: { allow: ['127.0.0.1'] } }],
    });
    assert.equal(await outcome(get('/health')), '[/health]');
    await assertRefused(get('/other'), 'client.denied');
  });

  it('is no other one once it has reset its connection', async () => {
    await start({ clients: { deny: ['127.0.0.0/8'] } });
    for (let turn = 0; turn < 20; turn++) {
      const client = await edge.client();
      await new Promise<void>((resolve) => {
        client.socket.write(get('/'), () => {
          client.socket.resetAndDestroy();
          resolve();
        });
      });
      await edge.until(() => edge.listener.connectionCount === 0, 'closed');
    }
    assert.equal(edge.requests.length, 0);
  });
});

/** For each rule that can be observed a request that it refuses, and what else its policy has to say. */
const observed: Readonly<Record<string, readonly [bytes: string, file: object]>> = {
  'client.denied': [get('/a'), { clients: { deny: ['127.0.0.1'] } }],
  'request-line.too-long': [get(`/a?${'q'.repeat(5000)}`), {}],
  'fields.too-many': [get('/a', 'X: y\r\n'.repeat(200)), {}],
  'field.too-large': [get('/a', `X: ${'y'.repeat(9000)}\r\n`), {}],
  'target.forbidden': [get('/a/../a'), {}],
  'content.too-large': [post('/a', 'x'.repeat(50)), { request: { content: { maxBytes: 40 } } }],
  'host.not-allowed': [get('/a'), { request: { hosts: ['b'] } }],
  'method.not-allowed': [get('/a'), { request: { methods: ['POST'] } }],
  'rate.exceeded': [get('/a'), { rateLimits: [{ name: 'used-up', requests: 1, per: '1h' }] }],
};

describe('a rule that is only observed', () => {
  it('is in the table above, whichever it is', async () => {
    await start({});
    const observable = Object.entries(rules).flatMap(([rule, facts]) => ('observable' in facts ? [rule] : []));
    assert.deepEqual(Object.keys(observed).sort(), observable.sort());
  });

  for (const [rule, [bytes, file]] of Object.entries(observed)) {
    const modes: readonly (readonly [where: string, policy: object])[] = [
      ['the mode of the policy', { ...file, mode: 'observe' }],
      ['its own mode', { ...file, rules: { [rule]: 'observe' } }],
      ['the mode of a route', { ...file, routes: [{ methods: ['GET', 'POST'], mode: 'observe' }] }],
    ];
    for (const [where, policy] of modes) {
      it(`lets pass and says so, by ${where}: ${rule}`, async () => {
        (await start(policy)).onTake = () => [0, 1000];
        assert.match(await outcome(bytes), /^\[\/a/);
        assert.deepEqual(observations(), [rule]);
        assert.deepEqual(refusals(), []);
        assert.equal(edge.edge.observations.summary(), `${rule} 1`);
      });
    }

    it(`refuses where the rule enforces: ${rule}`, async () => {
      (await start({ ...file, mode: 'observe', rules: { [rule]: 'enforce' } })).onTake = () => [0, 1000];
      await assertRefused(bytes, rule as RuleId);
      assert.deepEqual(observations(), []);
    });
  }

  it('says once that chunks are above a limit, and passes them all', async () => {
    await start({ mode: 'observe', request: { content: { maxBytes: 10 } } }, false);
    const chunk = '8\r\n12345678\r\n';
    const client = await edge.client('POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const request = (await edge.request()).start();
    for (let turn = 0; turn < 5; turn++) {
      client.send(chunk);
      await edge.until(() => request.content.length === 8 * (turn + 1), 'a chunk');
    }
    client.send('0\r\n\r\n');
    await edge.until(() => request.contentHasEnded, 'the end');
    request.respond(ok, 'fine');
    await client.receive(/fine$/);
    assert.equal(request.content.length, 40);
    assert.deepEqual(observations(), ['content.too-large']);
  });

  it('says nothing of chunks up to the limit', async () => {
    await start({ mode: 'observe', request: { content: { maxBytes: 10 } } });
    await outcome(chunked('/a', '1234567890'));
    assert.deepEqual(observations(), []);
  });

  it('does not keep the others from refusing', async () => {
    await start({ mode: 'observe' });
    await assertRefused('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'host.malformed');
    await assertRefused(get('/', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'), 'framing.conflict');
    await assertRefused(get('/', `X: ${'y'.repeat(60_000)}\r\nX: ${'y'.repeat(9000)}\r\n`), 'fields.too-large');
    await assertRefused(get('/', 'Expect: x\r\n'), 'expect.unsupported');
    assert.equal(edge.requests.length, 0);
  });

  it('is told beside the refusal of another one', async () => {
    await start({ rules: { 'target.forbidden': 'observe' } });
    await assertRefused(get('/a/..', 'Expect: x\r\n'), 'expect.unsupported');
    assert.deepEqual(observations(), ['target.forbidden']);
  });
});

describe('requests of one connection', () => {
  it('take a route each, also pipelined', async () => {
    await start({
      request: { content: { maxBytes: 10 }, fields: { maxCount: 5 } },
      routes: [
        { path: '/up', request: { content: { maxBytes: 100 } } },
        { path: '/few', request: { fields: { maxCount: 1 } } },
        { path: '/many', request: { fields: { maxCount: 50 } } },
        { path: '/post', request: { methods: ['POST'] } },
      ],
    });
    const client = await edge.client(
      [
        post('/up', 'x'.repeat(99)),
        get('/few'),
        get('/many', 'X: y\r\n'.repeat(40)),
        get('/post'),
        get('/other', 'X: y\r\n'.repeat(4)),
        get('/few', 'X: y\r\n'),
      ].join(''),
    );
    const text = await client.receiveAll();
    assert.deepEqual(text.match(/\[\/\w+\]|HTTP\/1\.1 4\d\d|Allow: \w+\r/g), [
      ...['[/up]', '[/few]', '[/many]', 'HTTP/1.1 405', 'Allow: POST\r', '[/other]', 'HTTP/1.1 431'],
    ]);
    assert.deepEqual(refusals(), ['method.not-allowed', 'fields.too-many']);
  });

  it('take the routes of the policy that is in force when they begin', async () => {
    const before = { routes: [{ path: '/a', request: { methods: ['POST'] } }] };
    const after = { routes: [{ path: '/b', request: { methods: ['POST'], line: { maxBytes: 9000 } } }] };
    await start(before);
    const client = await edge.client();
    const ask = async (bytes: string): Promise<string> => {
      const length = client.received.length;
      client.send(bytes);
      const text = await receiveBeyond(client, length);
      return /\[[^\]]*\]$/.exec(text)?.[0] ?? text.slice(9, 12);
    };
    assert.deepEqual([await ask(get('/a')), await ask(get('/b'))], ['405', '[/b]']);
    edge.edge.policy = putInForce(policyOf(after));
    assert.deepEqual([await ask(get('/a')), await ask(get('/b'))], ['[/a]', '405']);
    assert.match(await ask(`POST /b?${'q'.repeat(8000)} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`), /\[\/b\]/);
    edge.edge.policy = putInForce(policyOf(before));
    assert.equal(await ask(get(`/b?${'q'.repeat(8000)}`)), '414');
  });
});

async function receiveBeyond(client: RawClient, length: number): Promise<string> {
  await edge.until(() => /\r\n\r\n/.test(client.received.subarray(length).toString('latin1')), 'an answer');
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return client.received.subarray(length).toString('latin1');
}

describe('a request that would dodge a route', () => {
  const file = {
    request: { hosts: ['a.example', 'b.example'] },
    routes: [
      { path: '/admin/*', clients: { allow: ['192.0.2.1'] } },
      { hosts: ['b.example'], clients: { allow: ['192.0.2.1'] } },
      { path: '/read', methods: ['GET'], clients: { allow: ['192.0.2.1'] } },
    ],
  };
  const ask = (target: string, host = 'a.example', method = 'GET', version = '1.1'): string =>
    `${method} ${target} HTTP/${version}\r\nHost: ${host}\r\n\r\n`;
  const refused: readonly (readonly [how: string, bytes: string, rule: RuleId])[] = [
    ['plainly', ask('/admin'), 'client.denied'],
    ['by slashes in a row', ask('//admin'), 'client.denied'],
    ['by an escape', ask('/%61%64min'), 'client.denied'],
    ['by a slash behind', ask('/admin/'), 'client.denied'],
    ['by absolute-form', ask('http://a.example/admin'), 'client.denied'],
    ['by absolute-form of another host', ask('http://a.example/', 'b.example'), 'host.conflict'],
    ['by dots', ask('/x/../admin'), 'target.forbidden'],
    ['by a single dot', ask('/./admin'), 'target.forbidden'],
    ['by escaped dots', ask('/x/%2e%2e/admin'), 'target.forbidden'],
    ['by dots with a parameter', ask('/x/..;/admin'), 'target.forbidden'],
    ['by an encoded slash', ask('/x%2F..%2Fadmin'), 'target.forbidden'],
    ['by an encoded slash before', ask('/%2Fadmin'), 'client.denied'],
    ['by an encoded backslash', ask('/x%5Cadmin'), 'target.forbidden'],
    ['by a backslash', ask('/x\\..\\admin'), 'target.malformed'],
    ['by a fragment', ask('/admin#x'), 'target.malformed'],
    ['by another method', ask('/admin', 'a.example', 'OPTIONS'), 'client.denied'],
    ['by HEAD in place of GET', ask('/read', 'a.example', 'HEAD'), 'client.denied'],
    ['by a host in capitals', ask('/', 'B.EXAMPLE'), 'client.denied'],
    ['by a port', ask('/', 'b.example:81'), 'client.denied'],
    ['by a dot behind the host', ask('/', 'b.example.'), 'client.denied'],
    ['by HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', 'host.not-allowed'],
    ['by the target of HTTP/1.0 without Host', 'GET http://b.example/ HTTP/1.0\r\n\r\n', 'client.denied'],
    ['by the asterisk', ask('*', 'b.example', 'OPTIONS'), 'client.denied'],
    ['by two hosts', 'GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n', 'host.malformed'],
  ];
  for (const [how, bytes, rule] of refused) {
    it(`${how} is refused`, async () => {
      await start(file);
      await assertRefused(bytes, rule);
      assert.equal(edge.requests.length, 0);
    });
  }
});
