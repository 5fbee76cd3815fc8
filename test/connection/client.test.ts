import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { policyFrom } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { byteByByte } from '../support/parser-events.ts';
import type { RawClient } from '../support/raw-client.ts';
import { TestEdge } from './edge-harness.ts';

const get = (...fields: readonly string[]): string => ['GET / HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n');
const ok = '200 OK\0';
const v1 = 'PROXY TCP4 198.51.100.7 203.0.113.1 56324 443\r\n';
const v2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xcb\0\x71\x01\xdc\x04\x01\xbb';

let edge: TestEdge;
afterEach(() => edge.stop());

function policyOf(clients: object) {
  return policyFrom(Buffer.from(JSON.stringify({ clients })), 'site.json');
}

/** An edge that answers at once. Every client is 127.0.0.1. */
async function start(clients: object): Promise<TestEdge> {
  edge = await new TestEdge(() => policyOf(clients)).listen();
  edge.onDispatch = (request) => setImmediate(() => request.start().respond(ok, '[answer]'));
  return edge;
}

type Environ = Readonly<Record<string, string | undefined>>;

/** Sends a request and gives its environ, once it is answered. */
async function ask(client: RawClient, request: string): Promise<Environ> {
  const index = edge.requests.length;
  client.send(request);
  await client.receive(new RegExp(`(\\[answer\\][^]*){${index + 1}}`));
  return (await edge.request(index)).environ;
}

const trusting = { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] };

type ClientCase = {
  readonly behaviour: string;
  readonly clients: object;
  /** Before the first request. */
  readonly preamble?: string;
  readonly fields?: readonly string[];
  /** Keys that are looked at; undefined: it is not there. */
  readonly environ: Environ;
};

const peer = { REMOTE_ADDR: '127.0.0.1', SERVER_NAME: 'test', SERVER_PORT: '80', 'wsgi.url_scheme': 'http' };
const named = { ...peer, REMOTE_ADDR: '198.51.100.7' };
const xForwarded = ['X-Forwarded-For: 203.0.113.9, 198.51.100.7', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil'];
const others = ['X-Real-IP: 203.0.113.5', 'X-Client-IP: 203.0.113.6', 'Forwarded: for=203.0.113.8;proto=https'];
const noFields = {
  HTTP_X_FORWARDED_FOR: undefined,
  HTTP_X_FORWARDED_PROTO: undefined,
  HTTP_X_REAL_IP: undefined,
  HTTP_X_CLIENT_IP: undefined,
  HTTP_FORWARDED: undefined,
};

const cases: readonly ClientCase[] = [
  {
    behaviour: 'is its peer, whatever the fields of one say who is not trusted',
    clients: { trustedProxies: ['10.0.0.0/8'] },
    fields: [...xForwarded, ...others],
    environ: { ...peer, ...noFields },
  },
  {
    behaviour: 'is the one that a trusted proxy names, by the scheme that it names',
    clients: trusting,
    fields: [...xForwarded, ...others],
    environ: {
      ...named,
      ...noFields,
      REMOTE_PORT: '',
      'wsgi.url_scheme': 'https',
      HTTP_HOST: 'a',
      HTTP_X_FORWARDED_FOR: '203.0.113.9, 198.51.100.7',
      HTTP_X_FORWARDED_PROTO: 'https',
      HTTP_X_FORWARDED_HOST: 'evil',
      HTTP_X_REAL_IP: '203.0.113.5',
      HTTP_X_CLIENT_IP: '203.0.113.6',
    },
  },
  {
    behaviour: 'is the one of Forwarded alone, where that is what proxies write',
    clients: { ...trusting, forwardedFields: 'forwarded' },
    fields: [...xForwarded, ...others],
    environ: {
      ...named,
      ...noFields,
      REMOTE_ADDR: '203.0.113.8',
      'wsgi.url_scheme': 'https',
      HTTP_FORWARDED: 'for=203.0.113.8;proto=https',
      HTTP_X_FORWARDED_HOST: undefined,
    },
  },
  {
    behaviour: 'comes over as many proxies as there are hops',
    clients: { ...trusting, trustedHops: 2 },
    fields: ['X-Forwarded-For: 203.0.113.9, 198.51.100.7:4711', 'X-Forwarded-For: 10.1.1.1'],
    environ: { ...named, REMOTE_PORT: '4711', HTTP_X_FORWARDED_FOR: '203.0.113.9, 198.51.100.7:4711, 10.1.1.1' },
  },
  {
    behaviour: 'is the proxy that names nobody',
    clients: trusting,
    fields: ['X-Forwarded-Proto: https'],
    environ: { ...peer, 'wsgi.url_scheme': 'https' },
  },
  {
    behaviour: 'is the source of a PROXY header of version 1',
    clients: { ...trusting, proxyProtocol: 'v1' },
    preamble: v1,
    environ: { ...named, REMOTE_PORT: '56324' },
  },
  {
    behaviour: 'is the source of a PROXY header of version 2',
    clients: { ...trusting, proxyProtocol: 'v2' },
    preamble: v2,
    environ: { ...named, REMOTE_PORT: '56324' },
  },
  {
    behaviour: 'is the peer whose PROXY header names nobody',
    clients: { ...trusting, proxyProtocol: 'any' },
    preamble: 'PROXY UNKNOWN\r\n',
    environ: peer,
  },
  {
    behaviour: 'is the source of a PROXY header, whatever the fields of that source say',
    clients: { ...trusting, proxyProtocol: 'v1' },
    preamble: v1,
    fields: ['X-Forwarded-For: 10.0.0.9', 'X-Forwarded-Proto: https', ...others],
    environ: { ...named, ...noFields },
  },
  {
    behaviour: 'is the one that the source of a PROXY header names, where that is trusted',
    clients: { ...trusting, proxyProtocol: 'v1' },
    preamble: v1.replace('198.51.100.7', '10.0.0.7'),
    fields: ['X-Forwarded-For: 198.51.100.7'],
    environ: { ...named, HTTP_X_FORWARDED_FOR: '198.51.100.7' },
  },
  {
    behaviour: 'is the peer without a PROXY header that is not trusted',
    clients: { trustedProxies: ['10.0.0.0/8'], proxyProtocol: 'v1' },
    environ: peer,
  },
];

describe('the client of a request', () => {
  for (const { behaviour, clients, preamble = '', fields = [], environ } of cases) {
    it(behaviour, async () => {
      const client = await (await start(clients)).client();
      const found = await ask(client, preamble + get(...fields));
      for (const [key, value] of Object.entries(environ)) assert.equal(found[key], value, key);
      // The header is one of the connection, the fields are those of a request.
      const next = await ask(client, get());
      const expected = preamble.includes('198') || preamble === v2 ? '198.51.100.7' : '127.0.0.1';
      assert.equal(next['REMOTE_ADDR'], preamble.includes('10.0.0.7') ? '10.0.0.7' : expected);
      assert.equal(next['wsgi.url_scheme'], 'http');
    });
  }

  it('is the same however the network cuts', async () => {
    await start({ ...trusting, proxyProtocol: 'any', trustedHops: 2 });
    for (const preamble of [v1, v2]) {
      const client = await edge.client();
      const index = edge.requests.length;
      for (const byte of byteByByte(Buffer.from(preamble + get(), 'latin1'))) {
        client.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await edge.request(index)).environ['REMOTE_ADDR'], '198.51.100.7');
    }
  });

  it('is another one for each request of a trusted proxy, pipelined too', async () => {
    const client = await (await start(trusting)).client();
    const addresses = ['198.51.100.1', '198.51.100.2', '2001:db8::3'];
    client.send(addresses.map((address) => get(`X-Forwarded-For: ${address}`)).join(''));
    await edge.request(2);
    assert.deepEqual(
      edge.requests.map(({ environ }) => environ['REMOTE_ADDR']),
      addresses,
    );
  });

  it('is whom clients.deny is about', async () => {
    await start({ ...trusting, deny: ['198.51.100.0/24'] });
    const client = await edge.client();
    await ask(client, get('X-Forwarded-For: 203.0.113.9'));
    client.send(get('X-Forwarded-For: 198.51.100.7'));
    await client.receive(/HTTP\/1\.1 403/);
    assert.match(edge.lines.join(), /Refused 198\.51\.100\.7: client\.denied/);
  });

  it('is whom clients.deny is about, behind a PROXY header too', async () => {
    await start({ ...trusting, proxyProtocol: 'v1', deny: ['198.51.100.0/24'] });
    await (await edge.client(v1 + get())).receive(/HTTP\/1\.1 403/);
    assert.match(edge.lines.join(), /Refused 198\.51\.100\.7: client\.denied/);
  });

  it('is whom clients.allow is about: a trusted proxy is not allowed by that', async () => {
    await start({ ...trusting, allow: ['198.51.100.0/24'] });
    await ask(await edge.client(), get('X-Forwarded-For: 198.51.100.7'));
    await (await edge.client(get())).receive(/HTTP\/1\.1 403/);
  });

  it('is forgotten before the next request, which may be refused before it says whose it is', async () => {
    const client = await (await start(trusting)).client();
    await ask(client, get('X-Forwarded-For: 198.51.100.7'));
    client.send('GET  / HTTP/1.1\r\n');
    await client.receive(/HTTP\/1\.1 400/);
    assert.match(edge.lines.join(), /Refused 127\.0\.0\.1: request-line\.malformed/);
  });

  it('is known to refusals of everything but the grammar', async () => {
    await start(trusting);
    const client = await edge.client(get('X-Forwarded-For: 198.51.100.7').replace('Host: a', 'Host: a b'));
    await client.receive(/HTTP\/1\.1 400/);
    assert.match(edge.lines.join(), /Refused 198\.51\.100\.7: host\.malformed/);
  });

  it('is the proxy that sends no address, which the log says', async () => {
    const client = await (await start(trusting)).client();
    const environ = await ask(client, get('X-Forwarded-For: 198.51.100.7, nonsense'));
    assert.equal(environ['REMOTE_ADDR'], '127.0.0.1');
    assert.deepEqual(edge.lines, ['127.0.0.1 is a trusted proxy and sent no address of its client']);
  });

  it('is read by the policy in force', async () => {
    const client = await (await start({})).client();
    const request = get('X-Forwarded-For: 198.51.100.7');
    const seen: unknown[] = [];
    for (const clients of [{}, trusting, { trustedProxies: ['10.0.0.0/8'] }]) {
      edge.edge.policy = putInForce(policyOf(clients));
      const { REMOTE_ADDR, HTTP_X_FORWARDED_FOR } = await ask(client, request);
      seen.push([REMOTE_ADDR, HTTP_X_FORWARDED_FOR]);
    }
    assert.deepEqual(seen, [
      ['127.0.0.1', undefined],
      ['198.51.100.7', '198.51.100.7'],
      ['127.0.0.1', undefined],
    ]);
  });
});

describe('a connection of a trusted proxy', () => {
  for (const [behaviour, bytes] of [
    ['without a PROXY header', get()],
    ['with one of another version', v2 + get()],
    ['with one that is too long', `PROXY TCP4 ${'1'.repeat(200)}`],
  ] as const) {
    it(`${behaviour} is closed without an answer, and logged`, async () => {
      await start({ ...trusting, proxyProtocol: 'v1' });
      const client = await edge.client(bytes);
      assert.equal(await client.receiveAll(), '');
      assert.match(edge.lines.join(), /^Refused 127\.0\.0\.1: proxy\.malformed \([^)]+\)$/);
      assert.equal(edge.requests.length, 0);
    });
  }

  it('that is not one is refused for its PROXY header', async () => {
    await start({ trustedProxies: ['10.0.0.0/8'], proxyProtocol: 'v1' });
    await (await edge.client(v1 + get())).receive(/HTTP\/1\.1 400/);
    assert.equal(edge.requests.length, 0);
  });

  for (const [behaviour, pieces] of [
    ['in the header', [v1.slice(0, 20), v1.slice(20, 30)]],
    ['behind it', [v1.slice(0, 20), v1.slice(20)]],
  ] as const) {
    it(`has until the deadline of the head, which what comes ${behaviour} does not move`, async () => {
      await start({ ...trusting, proxyProtocol: 'v1' });
      const client = await edge.client(pieces[0]);
      await turns();
      edge.pass(6000);
      client.send(pieces[1]);
      await turns();
      assert.equal(edge.listener.connectionCount, 1);
      edge.pass(4400);
      assert.equal(await client.receiveAll(), '');
    });
  }

  it('that ends behind its header, as health checks do, is closed and nothing else', async () => {
    await start({ ...trusting, proxyProtocol: 'any' });
    for (const bytes of ['', v1, v2, v1.slice(0, 10)]) {
      const client = await edge.client(bytes, { allowHalfOpen: true });
      client.socket.end();
      assert.equal(await client.receiveAll(), '');
    }
    assert.deepEqual(edge.lines, []);
  });
});

describe('a connection that was reset before it was accepted', () => {
  it('is closed where it may have begun with a PROXY header, and not logged', async () => {
    await start({ ...trusting, proxyProtocol: 'any' });
    // In one turn, so that the kernel has all of it before the edge looks.
    for (let count = 0; count < 20; count++) {
      const socket = connect({ port: edge.port, host: '127.0.0.1' }, () => {
        socket.write(v2, 'latin1', () => socket.resetAndDestroy());
      });
      socket.on('error', () => {});
    }
    await ask(await edge.client(), v1 + get());
    assert.deepEqual(edge.lines, []);
    assert.equal(edge.requests.length, 1);
  });
});

/** Whatever is on its way arrives: everything is in one process. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
