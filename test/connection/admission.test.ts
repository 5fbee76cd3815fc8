import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { JailPolicy, Policy, RateLimit } from '../../src/policy/policy.ts';
import { TestEdge } from './edge-harness.ts';

const ok = '200 OK\0';
const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const limit: RateLimit = {
  name: 'per-client',
  key: 'client',
  requests: 2,
  perMs: 60_000,
  burst: 2,
  blockMs: 0,
  cost: 1,
  accuracy: 'leased',
};

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(change: Partial<Policy> = {}): Promise<TestEdge> {
  edge = await new TestEdge((policy) => ({ ...policy, rateLimits: [limit], ...change })).listen();
  return edge;
}

/** A master with so many tokens for each key. */
function grantOnly(tokens: number): void {
  const left = new Map<string, number>();
  edge.onTake = (_, key, wanted) => {
    const granted = Math.min(wanted, left.get(key) ?? tokens);
    left.set(key, (left.get(key) ?? tokens) - granted);
    return [granted, granted < wanted ? 1500 : 0];
  };
}

async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a request under a rate limit', () => {
  it('is answered 429 above it, with when to come again, and its connection lives on', async () => {
    await start();
    grantOnly(1);
    const client = await edge.client(get('/1'));
    (await edge.request()).start().respond(ok, 'one');
    await client.receive(/one$/);
    client.send(get('/2'));
    const text = await client.receive(/429[\s\S]*rate\.exceeded/);
    assert.match(text, /HTTP\/1\.1 429 Too Many Requests\r\n/);
    assert.match(text, /\r\nRetry-After: 2\r\n/);
    assert.match(text, /\r\nRateLimit-Policy: "per-client";q=2;w=60\r\n/);
    assert.match(text, /\r\nRateLimit: "per-client";r=0;t=2\r\n/);
    edge.pass(1600);
    grantOnly(1);
    client.send(get('/3'));
    (await edge.request(1)).start().respond(ok, 'three');
    await client.receive(/three$/);
    assert.deepEqual(
      edge.requests.map(({ path }) => path),
      ['/1', '/3'],
    );
  });

  it('is counted by the address of its client', async () => {
    await start();
    grantOnly(1);
    for (const [index, localAddress] of ['127.0.0.1', '127.0.0.2', '127.0.0.3'].entries()) {
      const client = await edge.client(get('/'), { localAddress });
      (await edge.request(index)).start().respond(ok, 'served');
      await client.receive(/served$/);
    }
  });

  it('is counted by whom a trusted proxy names', async () => {
    const { proxies } = edge?.edge.policy.policy ?? (await start()).edge.policy.policy;
    await edge.stop();
    await start({ proxies: { ...proxies, trusted: ['127.0.0.1'] } });
    grantOnly(1);
    const proxy = await edge.client(get('/1', 'X-Forwarded-For: 192.0.2.1\r\n'));
    (await edge.request()).start().respond(ok, 'one');
    await proxy.receive(/one$/);
    proxy.send(get('/2', 'X-Forwarded-For: 192.0.2.2\r\n'));
    (await edge.request(1)).start().respond(ok, 'two');
    await proxy.receive(/two$/);
    proxy.send(get('/3', 'X-Forwarded-For: 192.0.2.1\r\n'));
    await proxy.receive(/ 429 /);
  });

  it('whose content comes meanwhile waits for both', async () => {
    const base = (await start()).edge.policy.policy;
    await edge.stop();
    await start({ request: { ...base.request, delivery: 'complete' } });
    const client = await edge.client('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe');
    await turns();
    assert.equal(edge.requests.length, 0);
    client.send('llo');
    const request = (await edge.request()).start();
    await edge.until(() => request.contentHasEnded, 'the end');
    assert.equal(request.content, 'hello');
    request.respond(ok, 'thanks');
    await client.receive(/thanks$/);
  });

  it('that streams hands over what came before it was admitted', async () => {
    await start();
    const client = await edge.client('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    const request = (await edge.request()).start();
    await edge.until(() => request.contentHasEnded, 'the end');
    assert.equal(request.content, 'hello');
    request.respond(ok, 'thanks');
    await client.receive(/thanks$/);
  });

  it('is told to continue once it is admitted, and refused without its content otherwise', async () => {
    await start();
    grantOnly(1);
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n';
    const first = await edge.client(head);
    await first.receive(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    const second = await edge.client(head);
    assert.match(await second.receiveAll(), /^HTTP\/1\.1 429 (.*\r\n)*Connection: close\r\n/);
  });

  it('above it has what it still sends read, and the next one is heard', async () => {
    await start();
    grantOnly(0);
    const client = await edge.client('POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello');
    await client.receive(/rate\.exceeded/);
    edge.pass(1600);
    grantOnly(1);
    client.send(`hello${get('/2')}`);
    (await edge.request()).start().respond(ok, 'two');
    await client.receive(/two$/);
  });

  it('whose client goes while it waits reaches nobody', async () => {
    await start();
    let isAsked = false;
    edge.onTake = (_, __, tokens) => {
      isAsked = true;
      return [tokens, 0];
    };
    const client = await edge.client(get('/'));
    client.socket.resetAndDestroy();
    await edge.until(() => isAsked && edge.listener.connectionCount === 0, 'still there');
    await turns();
    assert.ok(edge.requests.every(({ isAborted }) => isAborted));
  });

  it('above one that is only observed passes, and is told of', async () => {
    await start({ rules: { 'rate.exceeded': 'observe' } });
    grantOnly(0);
    const client = await edge.client(get('/'));
    (await edge.request()).start().respond(ok, 'passed');
    await client.receive(/passed$/);
    client.send(get('/'));
    (await edge.request(1)).start().respond(ok, 'again');
    await client.receive(/again$/);
    assert.match(edge.lines.join(), /Would refuse 127\.0\.0\.1: rate\.exceeded \(more than 2 per 60s \(per-client\)\)/);
  });
});

describe('a client that is blocked', () => {
  const jail: Partial<JailPolicy> = { maxScore: 100 };

  async function startWithJail(): Promise<void> {
    const policy = (await start()).edge.policy.policy;
    await edge.stop();
    await start({ rateLimits: [], jail: { ...policy.jail, ...jail } });
  }

  it('gets 429 before anything that it sends is read, and no connection', async () => {
    await startWithJail();
    edge.edge.blocked.apply([['127.0.0.1', 90_000]]);
    const client = await edge.client('whatever this is\0');
    const text = await client.receiveAll();
    assert.match(text, /^HTTP\/1\.1 429 Too Many Requests\r\n(.*\r\n)*Retry-After: 90\r\n/);
    assert.match(text, /Connection: close\r\n/);
    assert.match(edge.lines.join(), /client\.blocked/);
    assert.doesNotMatch(edge.lines.join(), /malformed/);
    const other = await edge.client(get('/'), { localAddress: '127.0.0.2' });
    (await edge.request()).start().respond(ok, 'welcome');
    await other.receive(/welcome$/);
  });

  it('is refused on a connection that it had before, and let in when its time is over', async () => {
    await startWithJail();
    const client = await edge.client(get('/1'));
    (await edge.request()).start().respond(ok, 'one');
    await client.receive(/one$/);
    edge.edge.blocked.apply([['127.0.0.1', 4_000]]);
    client.send(get('/2'));
    assert.match(await client.receiveAll(), /oneHTTP\/1\.1 429 /);
    edge.pass(4_000);
    const later = await edge.client(get('/3'));
    (await edge.request(1)).start().respond(ok, 'three');
    await later.receive(/three$/);
  });

  it('is one that a trusted proxy names, and costs none of the others', async () => {
    const { proxies } = (await start()).edge.policy.policy;
    await edge.stop();
    await start({ rateLimits: [], proxies: { ...proxies, trusted: ['127.0.0.1'] } });
    edge.edge.blocked.apply([
      ['192.0.2.1', 60_000],
      ['127.0.0.1', 60_000],
    ]);
    const bad = await edge.client(get('/1', 'X-Forwarded-For: 192.0.2.1\r\n'));
    assert.match(await bad.receiveAll(), /^HTTP\/1\.1 429 /);
    const good = await edge.client(get('/2', 'X-Forwarded-For: 192.0.2.2\r\n'));
    (await edge.request()).start().respond(ok, 'fine');
    await good.receive(/fine$/);
    const head = await edge.client('HEAD / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n');
    assert.match(await head.receiveAll(), /^HTTP\/1\.1 429 (.*\r\n)*\r\n$/);
  });

  it('is known by a PROXY header, before any of its own bytes', async () => {
    const { proxies } = (await start()).edge.policy.policy;
    await edge.stop();
    await start({ rateLimits: [], proxies: { ...proxies, trusted: ['127.0.0.1'], protocol: 'v1' } });
    edge.edge.blocked.apply([['192.0.2.1', 60_000]]);
    const bad = await edge.client('PROXY TCP4 192.0.2.1 192.0.2.9 4000 80\r\nG');
    assert.match(await bad.receiveAll(), /^HTTP\/1\.1 429 /);
  });
});
