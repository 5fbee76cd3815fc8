import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Policy, RequestPolicy } from '../../src/policy/policy.ts';
import { type PolicyInForce, putInForce } from '../../src/policy/policy-in-force.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { TestEdge } from './edge-harness.ts';

const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (path: string, content: string, fields = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n${fields}\r\n${content}`;
const ok = '200 OK\0';

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(change: (policy: Policy) => Policy = (policy) => policy): Promise<TestEdge> {
  edge = await new TestEdge(change).listen();
  return edge;
}

/** The policy in force with some of what it says of requests changed. */
function withRequest(changes: Partial<RequestPolicy>): PolicyInForce {
  const { policy } = edge.edge.policy;
  return putInForce({ ...policy, request: { ...policy.request, ...changes } });
}

/** Whatever is on its way arrives: everything is in one process. */
async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('requests of one connection', () => {
  it('reach the dispatcher one at a time and are answered in their order', async () => {
    const client = await (await start()).client(get('/1') + get('/2') + post('/3', 'hello') + get('/4'));
    for (const index of [0, 1, 2, 3]) {
      const request = await edge.request(index);
      await turns();
      assert.equal(edge.requests.length, index + 1, 'the next one has to wait');
      request.start().respond(ok, `answer to ${request.path}`);
    }
    const text = await client.receive(/answer to \/4$/);
    assert.deepEqual(text.match(/answer to \/\d/g), ['answer to /1', 'answer to /2', 'answer to /3', 'answer to /4']);
    assert.equal(edge.requests[2]?.content, 'hello');
  });

  it('may be answered before dispatch returns, a thousand in one write', async () => {
    await start((policy) => ({ ...policy, keepAlive: { ...policy.keepAlive, maxRequests: 5000 } }));
    edge.onDispatch = (request) => request.start().respond(ok, `[${request.path}]`);
    const paths = Array.from({ length: 1000 }, (_, index) => `/${index}`);
    const client = await edge.client(paths.map((path) => get(path)).join(''));
    const text = await client.receive(/\[\/999\]$/);
    assert.deepEqual(
      text.match(/\[\/\d+\]/g),
      paths.map((path) => `[${path}]`),
    );
  });

  it('take turns with those of others: a client with many cannot keep the edge for itself', async () => {
    await start();
    const order: string[] = [];
    edge.onDispatch = (request) => {
      order.push(request.path);
      request.start().respond(ok, 'x');
    };
    const greedy = await edge.client();
    const modest = await edge.client();
    greedy.send(Array.from({ length: 300 }, () => get('/greedy')).join(''));
    modest.send(get('/modest'));
    await modest.receive(/x$/);
    await edge.until(() => order.length === 301, 'all of them');
    assert.ok(order.indexOf('/modest') < 50, `after ${order.indexOf('/modest')}`);
  });

  for (const first of ['GET', 'PURGE']) {
    it(`go on behind one that is answered at once where more than a read follows it: ${first}`, async () => {
      await start();
      edge.onDispatch = (request) => {
        if (request.path === '/1') request.start().respond(ok, 'one');
      };
      const content = 'x'.repeat(300_000);
      const client = await edge.client(`${first} /1 HTTP/1.1\r\nHost: a\r\n\r\n${post('/2', content)}${get('/3')}`);
      await edge.until(() => edge.requests.some(({ path }) => path === '/2'), 'the second request');
      const second = edge.requests.at(-1);
      assert.ok(second !== undefined);
      second.start();
      while (!second.contentHasEnded) {
        const length = second.content.length;
        second.grant(65_536);
        await edge.until(() => second.content.length > length || second.contentHasEnded, `${length} bytes`);
      }
      assert.equal(second.content, content);
      second.respond(ok, 'two');
      await edge.until(() => edge.requests.at(-1)?.path === '/3', 'the third request');
      edge.requests.at(-1)?.start().respond(ok, 'three');
      await client.receive(/three$/);
    });
  }

  it('end with the last that the policy allows', async () => {
    await start((policy) => ({ ...policy, keepAlive: { ...policy.keepAlive, maxRequests: 3 } }));
    edge.onDispatch = (request) => request.start().respond(ok, `[${request.path}]`);
    const client = await edge.client(get('/1') + get('/2') + get('/3') + get('/4'));
    const text = await client.receiveAll();
    assert.deepEqual(text.match(/Connection: close|\[\/\d\]/g), ['[/1]', '[/2]', 'Connection: close', '[/3]']);
  });

  it('end where the client says so, and nothing behind that is read', async () => {
    await start();
    const client = await edge.client(get('/1', 'Connection: close\r\n') + get('/2'));
    (await edge.request()).start().respond(ok, 'one');
    assert.match(await client.receiveAll(), /Connection: close\r\n[\s\S]*one$/);
    assert.equal(edge.requests.length, 1);
  });

  it('end with one that is malformed, behind the answers to those before it', async () => {
    const client = await (await start()).client(`${get('/1')}GET /2 HTTP/1.1\r\nHost : a\r\n\r\n${get('/3')}`);
    await edge.request();
    await turns();
    assert.equal(client.received.length, 0, 'no refusal may overtake an answer');
    edge.requests[0]?.start().respond(ok, 'one');
    const text = await client.receive(/field\.malformed\)\n$/);
    assert.match(text, /^HTTP\/1\.1 200 OK[\s\S]*oneHTTP\/1\.1 400 Bad Request/);
    await turns();
    assert.equal(edge.requests.length, 1);
  });

  it('obey a new policy from the next one on, where the connection was idle already', async () => {
    const client = await (await start()).client(get('/1'));
    (await edge.request()).start().respond(ok, 'one');
    await client.receive(/one$/);
    const { policy } = edge.edge.policy;
    edge.edge.policy = putInForce({ ...policy, name: 'next', request: { ...policy.request, lineBytes: 20 } });
    client.send(get('/2'));
    const second = (await edge.request(1)).start();
    second.respond(ok, 'two');
    assert.deepEqual(
      [edge.requests[0]?.environ['portcullis.policy'], second.environ['portcullis.policy']],
      [policy.name, 'next'],
    );
    await client.receive(/two$/);
    client.send(get('/much-too-long'));
    await client.receive(/414 URI Too Long/);
  });

  it('obey a new policy from the first one on, where the connection was open already', async () => {
    const client = await (await start()).client();
    edge.edge.policy = withRequest({ lineBytes: 20 });
    client.send(get('/much-too-long'));
    await client.receive(/414 URI Too Long/);
  });

  it('obey a new policy from the first one on, where an empty line came before', async () => {
    const client = await (await start()).client('\r\n');
    await turns();
    edge.edge.policy = withRequest({ lineBytes: 20 });
    client.send(get('/much-too-long'));
    await client.receive(/414 URI Too Long/);
  });

  it('obey a new policy from the next one on, where it has arrived already', async () => {
    const client = await (await start()).client(get('/one') + get('/two-is-too-long'));
    const first = (await edge.request()).start();
    edge.edge.policy = withRequest({ lineBytes: 20 });
    first.respond(ok, 'one');
    assert.match(await client.receive(/414 URI Too Long/), /^HTTP\/1\.1 200 OK/);
  });
});

describe('100 Continue', () => {
  const expects = 'Expect: 100-continue\r\n';
  const headOf = (length: number, version = '1.1', fields = ''): string =>
    `POST / HTTP/${version}\r\nHost: a\r\nContent-Length: ${length}\r\n${expects}${fields}\r\n`;

  it('is sent once the head is checked, and once', async () => {
    const client = await (await start()).client(headOf(5));
    const request = (await edge.request()).start();
    assert.equal(await client.receive(/\r\n\r\n$/), 'HTTP/1.1 100 Continue\r\n\r\n');
    client.send('hello');
    await edge.until(() => request.contentHasEnded, 'the content');
    request.respond(ok, 'done');
    assert.match(await client.receive(/done$/), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  const silent: readonly { readonly where: string; readonly request: string; readonly answer: RegExp }[] = [
    { where: 'in HTTP/1.0', request: headOf(5, '1.0'), answer: /^HTTP\/1\.1 200/ },
    { where: 'without content', request: headOf(0), answer: /^HTTP\/1\.1 200/ },
    { where: 'for a length that is refused', request: headOf(2_000_000), answer: /^HTTP\/1\.1 413/ },
    { where: 'for a method that is refused', request: headOf(5).replace('POST', 'PURGE'), answer: /^HTTP\/1\.1 405/ },
    { where: 'for a path that is refused', request: headOf(5).replace('/', '/../'), answer: /^HTTP\/1\.1 400/ },
    { where: 'for another expectation too', request: headOf(5, '1.1', expects), answer: /^HTTP\/1\.1 400/ },
  ];
  for (const { where, request, answer } of silent) {
    it(`is not sent ${where}`, async () => {
      await start();
      edge.onDispatch = (held) => held.start().respond(ok, 'done');
      const client = await edge.client(request);
      const text = await client.receive(/\r\n\r\n/);
      assert.match(text, answer);
      assert.doesNotMatch(text, /100 Continue/);
    });
  }

  it('refused for its method alone lets the connection live on; refused for more as well it does not', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond(ok, 'served');
    const behind = get('/').replace('GET', 'PURGE') + get('/next');
    assert.match(await (await edge.client(behind)).receive(/served$/), /method\.not-allowed/);
    const hidden = await edge.client(`PURGE / HTTP/1.1\r\n\r\n${get('/next')}`);
    assert.match(await hidden.receiveAll(), /^HTTP\/1\.1 400 .*\(host\.missing\)\n$/s);
  });

  it('refused instead, the connection ends: the client may send its content or not', async () => {
    const client = await (await start()).client(headOf(5).replace('POST', 'PURGE'));
    assert.match(await client.receive(/method\.not-allowed\)\n$/), /Connection: close\r\n/);
  });
});

describe('a client that ends its side', () => {
  it('behind a request gets its answer', async () => {
    const client = await (await start()).client(get('/'), { allowHalfOpen: true });
    client.socket.end();
    const request = (await edge.request()).start();
    await turns();
    request.respond(ok, 'still here');
    assert.match(await client.receiveAll(), /still here$/);
  });

  it('behind several gets all of them', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond(ok, `[${request.path}]`);
    const client = await edge.client(get('/1') + get('/2') + get('/3'), { allowHalfOpen: true });
    client.socket.end();
    const text = await client.receiveAll();
    assert.deepEqual(text.match(/\[\/\d\]/g), ['[/1]', '[/2]', '[/3]']);
  });

  it('behind an empty line is waited for no longer', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond(ok, 'x');
    const client = await edge.client(`${get('/')}\r\n`, { allowHalfOpen: true });
    await client.receive(/x$/);
    client.socket.end();
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nx$/s);
  });

  it('gets an answer that is longer than what the kernel holds', async () => {
    const client = await (await start()).client(get('/'), { allowHalfOpen: true });
    client.socket.end();
    (await edge.request()).start().respond(ok, Buffer.alloc(20_000_000, 'x'));
    assert.ok((await client.receiveAll()).length > 20_000_000);
  });

  it('inside a head is told so', async () => {
    const client = await (await start()).client('GET / HTTP/1.1\r\nHost: a', { allowHalfOpen: true });
    client.socket.end();
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 400 [\s\S]*field\.malformed/);
  });

  it('inside content is told so, and the application is', async () => {
    const client = await (await start()).client(post('/', 'hello').slice(0, -1), { allowHalfOpen: true });
    const request = (await edge.request()).start();
    client.socket.end();
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 400 [\s\S]*framing\.content-length/);
    assert.ok(request.isAborted);
  });

  it('behind nothing gets nothing', async () => {
    const client = await (await start()).client('', { allowHalfOpen: true });
    client.socket.end();
    assert.equal(await client.receiveAll(), '');
    assert.deepEqual(edge.lines, []);
  });

  it('inside a second request gets the answer to the first one', async () => {
    const client = await (await start()).client(`${get('/1')}GET /2 HT`, { allowHalfOpen: true });
    client.socket.end();
    (await edge.request()).start().respond(ok, 'one');
    assert.match(await client.receiveAll(), /one(HTTP\/1\.1 400|$)/);
  });
});

describe('a client that vanishes', () => {
  it('inside content cancels its request', async () => {
    const client = await (await start()).client(post('/', 'hello').slice(0, -1));
    const request = (await edge.request()).start();
    client.socket.resetAndDestroy();
    await edge.until(() => request.isAborted, 'not cancelled');
    await edge.until(() => edge.listener.connectionCount === 0, 'not forgotten');
  });

  it('while it waits cancels its request', async () => {
    const client = await (await start()).client(get('/'));
    const request = (await edge.request()).start();
    client.socket.resetAndDestroy();
    await edge.until(() => request.isAborted, 'not cancelled');
  });

  it('while it is sent a response cancels its request', async () => {
    const client = await (await start()).client();
    client.socket.pause();
    client.send(get('/'));
    const request = (await edge.request()).start();
    request.respond(ok, Buffer.alloc(20_000_000), false);
    client.socket.resetAndDestroy();
    await edge.until(() => request.isAborted, 'not cancelled');
  });

  it('leaves its answer to nobody, and nothing breaks', async () => {
    const client = await (await start()).client(get('/'));
    const request = (await edge.request()).start();
    client.socket.resetAndDestroy();
    await edge.until(() => request.isAborted, 'not cancelled');
    request.respond(ok, 'too late');
    request.respondContent('later still', true);
    request.fail(reject('worker.failed', 'x'));
    assert.deepEqual(edge.lines, []);
  });
});

describe('a refused client', () => {
  it('reads its answer although it goes on sending', async () => {
    const client = await (await start()).client();
    const errors: Error[] = [];
    client.socket.on('error', (error) => errors.push(error));
    client.send(`GET / HTTP/1.1\r\nHost : a\r\n\r\n`);
    for (let round = 0; round < 50; round++) {
      client.send(Buffer.alloc(50_000));
      await turns(2);
    }
    const text = await client.receive(/field\.malformed\)\n$/);
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
    client.socket.end();
    await client.receiveAll();
    assert.deepEqual(errors, []);
    assert.equal(edge.requests.length, 0);
  });

  it('reads its answer to content that is too large, whatever it has sent', async () => {
    const client = await (await start()).client();
    const errors: Error[] = [];
    client.socket.on('error', (error) => errors.push(error));
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n`);
    client.send(Buffer.alloc(5_000_000));
    client.socket.end();
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 413 Content Too Large\r\n/);
    assert.deepEqual(errors, []);
  });

  it('is told what was wrong, in status and rule, and nothing of what it sent', async () => {
    const client = await (await start()).client('GET /<script> HTTP/1.1\r\nHost: a\r\n\r\n');
    const text = await client.receive(/\)\n$/);
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
    assert.match(text, /\r\n\r\n400 Bad Request \(target\.malformed\)\n$/);
    assert.doesNotMatch(text, /script/);
  });

  it('may go on where only the request was refused, its content is not the next one', async () => {
    const client = await (await start()).client(`${post('/1', get('/hidden')).replace('POST', 'PURGE')}${get('/2')}`);
    const request = (await edge.request()).start();
    assert.equal(request.path, '/2');
    request.respond(ok, 'two');
    const text = await client.receive(/two$/);
    assert.match(
      text,
      /^HTTP\/1\.1 405 Method Not Allowed\r\n(.*\r\n)*Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n/,
    );
    assert.doesNotMatch(text, /Connection: close/);
    assert.equal(edge.requests.length, 1);
  });

  it('may not go on where its content is more than memory may hold', async () => {
    const content = 'x'.repeat(100_000);
    const client = await (await start()).client(post('/1', content).replace('POST', 'PURGE') + get('/2'));
    assert.match(await client.receive(/method\.not-allowed\)\n/), /^HTTP\/1\.1 405 (.*\r\n)*Connection: close\r\n/);
    await turns();
    assert.equal(edge.requests.length, 0);
  });

  it('gets no content of the refusal of HEAD', async () => {
    const client = await (await start()).client('HEAD /../ HTTP/1.1\r\nHost: a\r\n\r\n');
    client.socket.end();
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 400 (.*\r\n)*Content-Length: \d+\r\n(.*\r\n)*\r\n$/);
  });
});

describe('an answer before the content was read', () => {
  it('leaves the connection open where little is left', async () => {
    const client = await (await start()).client(post('/1', 'x'.repeat(1000)).slice(0, -900));
    const request = (await edge.request()).start();
    request.respond(ok, 'early');
    assert.doesNotMatch(await client.receive(/early$/), /Connection: close/);
    client.send('x'.repeat(900) + get('/2'));
    const next = await edge.request(1);
    assert.equal(next.path, '/2');
    next.start().respond(ok, 'two');
    await client.receive(/two$/);
  });

  it('ends the connection where much is left, and is read all the same', async () => {
    const client = await (await start()).client();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n');
    (await edge.request()).start().respond(ok, 'early');
    client.send(Buffer.alloc(900_000));
    client.socket.end();
    assert.match(await client.receiveAll(), /Connection: close\r\n[\s\S]*early$/);
  });

  it('ends the connection where chunks are left, whose sum nobody knows', async () => {
    const client = await (await start()).client(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
    );
    (await edge.request()).start().respond(ok, 'early');
    assert.match(await client.receive(/early$/), /Connection: close\r\n/);
  });

  it('arrives whole although the client ends its side inside the content', async () => {
    const client = await (await start()).client(post('/1', 'x'.repeat(1000)).slice(0, -900), { allowHalfOpen: true });
    const content = Buffer.alloc(12_000_000, 'x');
    client.socket.pause();
    (await edge.request()).start().respond(ok, content);
    await turns();
    client.socket.end();
    await turns();
    client.socket.resume();
    assert.match((await client.receiveAll()).slice(0, 200), /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(client.received.length > content.length, `${client.received.length} bytes`);
  });

  it('may be a stream that ends behind the content', async () => {
    const client = await (await start()).client(post('/1', 'hello').slice(0, -3));
    const request = (await edge.request()).start();
    request.respond(ok, 'begun,', false);
    await client.receive(/begun,/);
    client.send('llo');
    await edge.until(() => request.contentHasEnded, 'the content');
    request.respondContent('ended', true);
    assert.match(await client.receive(/\r\n0\r\n\r\n$/), /5\r\nended\r\n0/);
    client.send(get('/2'));
    (await edge.request(1)).start().respond(ok, 'two');
    await client.receive(/two$/);
  });
});

describe('content', () => {
  const window = 4096;
  const small = (policy: Policy): Policy => ({
    ...policy,
    request: { ...policy.request, contentMemoryBytes: window },
  });

  it('is read no further than the application has room for', async () => {
    const length = 12_000_000;
    const limit = (policy: Policy): Policy => {
      const { request, ...rest } = small(policy);
      return { ...rest, request: { ...request, contentBytes: length } };
    };
    const client = await (await start(limit)).client();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    client.send(Buffer.alloc(length, 'x'));
    const request = (await edge.request()).start();
    await turns(100);
    assert.equal(request.content.length, window);
    assert.ok(client.socket.writableLength > 0, 'the client could send everything');
    for (let taken = window; !request.contentHasEnded; ) {
      request.grant(1_000_000);
      taken = Math.min(taken + 1_000_000, length);
      await edge.until(() => request.content.length === taken, `${request.content.length} of ${taken}`);
    }
    request.respond(ok, 'all');
    await client.receive(/all$/);
  });

  it('ends where its last byte is granted, not before', async () => {
    const client = await (await start(small)).client(post('/', 'x'.repeat(window + 1)));
    const request = (await edge.request()).start();
    await turns();
    assert.deepEqual([request.content.length, request.contentHasEnded], [window, false]);
    request.grant(1);
    assert.deepEqual([request.content.length, request.contentHasEnded], [window + 1, true]);
    request.respond(ok, 'all');
    await client.receive(/all$/);
  });

  it('of chunks arrives without them', async () => {
    const client = await (await start()).client(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX: y\r\n\r\n',
    );
    const request = (await edge.request()).start();
    await edge.until(() => request.contentHasEnded, 'the end');
    assert.deepEqual([request.content, request.hasContent], ['hello', true]);
    assert.equal(request.environ['CONTENT_LENGTH'], undefined);
    request.respond(ok, 'all');
    await client.receive(/all$/);
  });

  it('that turns out malformed cancels the request with 400', async () => {
    const client = await (await start()).client(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n',
    );
    const request = (await edge.request()).start();
    client.send('x');
    await client.receive(/^HTTP\/1\.1 400 [\s\S]*framing\.chunk/);
    assert.ok(request.isAborted);
  });
});

describe('a response', () => {
  it('is acknowledged as it leaves, so that a slow reader holds the application back', async () => {
    const client = await (await start()).client();
    client.socket.pause();
    client.send(get('/'));
    const request = (await edge.request()).start();
    const piece = Buffer.alloc(1_000_000, 'x');
    request.respond(ok, piece, false);
    let sent = 1;
    // The kernel takes some megabytes; then nothing more leaves.
    for (await turns(100); request.acknowledged === sent * piece.length; await turns(100)) {
      request.respondContent(piece);
      sent += 1;
    }
    const held = request.acknowledged;
    await turns(200);
    assert.equal(request.acknowledged, held);
    client.socket.resume();
    await edge.until(() => request.acknowledged === sent * piece.length, 'not all left');
    request.respondContent('end', true);
    await client.receive(/3\r\nend\r\n0\r\n\r\n$/);
  });

  const wrong: readonly { readonly what: string; readonly head: string; readonly logged: RegExp }[] = [
    {
      what: 'a line end in a value',
      head: '200 OK\0X\0a\r\nSet-Cookie: b\0',
      logged: /a control byte in a field value/,
    },
    { what: 'Transfer-Encoding', head: '200 OK\0Transfer-Encoding\0chunked\0', logged: /a hop-by-hop field/ },
    {
      what: 'two lengths',
      head: '200 OK\0Content-Length\x005\0Content-Length\x006\0',
      logged: /a second Content-Length/,
    },
    { what: 'status 101', head: '101 Switching Protocols\0', logged: /status 101/ },
  ];
  for (const { what, head, logged } of wrong) {
    it(`with ${what} becomes 502, and the log says why`, async () => {
      const client = await (await start()).client(get('/1'));
      const request = (await edge.request()).start();
      request.respond(head, 'x');
      const text = await client.receive(/worker\.failed\)\n$/);
      assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
      assert.doesNotMatch(text, /Set-Cookie/);
      assert.match(edge.lines.join('\n'), logged);
      assert.ok(edge.lines.some((line) => line.includes(request.environ['portcullis.request_id'] ?? 'none')));
      client.send(get('/2'));
      (await edge.request(1)).start().respond(ok, 'two');
      await client.receive(/two$/);
    });
  }

  it('with a second head is cut', async () => {
    const client = await (await start()).client(get('/'));
    const request = (await edge.request()).start();
    request.respond(ok, 'begun', false);
    request.respond(ok, 'again', true);
    assert.doesNotMatch(await client.receiveAll(), /again/);
    assert.match(edge.lines.join('\n'), /a second response head/);
  });

  it('that begins with content becomes 502', async () => {
    const client = await (await start()).client(get('/'));
    (await edge.request()).start().respondContent('x');
    await client.receive(/^HTTP\/1\.1 502 /);
  });

  it('with more content than its length has no more than that, and is the last', async () => {
    const client = await (await start()).client(get('/'));
    const request = (await edge.request()).start();
    request.respond('200 OK\0Content-Length\x005\0', 'hell', false);
    request.respondContent('o world', true);
    assert.match(await client.receive(/hello/), /\r\n\r\nhello$/);
    await turns();
    client.send(get('/2'));
    await turns();
    assert.equal(edge.requests.length, 1);
    assert.match(edge.lines.join('\n'), /more content than its Content-Length/);
  });

  it('with less content than its length is cut', async () => {
    const client = await (await start()).client(get('/'));
    const request = (await edge.request()).start();
    request.respond('200 OK\0Content-Length\x005\0', 'hell', true);
    assert.match(await client.receiveAll(), /hell$/);
    assert.match(edge.lines.join('\n'), /1 bytes too few/);
    assert.equal(edge.listener.connectionCount, 0);
  });

  for (const first of [get('/'), post('/', 'hello'), post('/', 'x'.repeat(200_000))]) {
    it(`that is cut before dispatch returns ends the connection and nothing else: ${first.length} bytes`, async () => {
      await start();
      edge.onDispatch = (request) => request.start().respond('200 OK\0Content-Length\x005\0', 'hell', true);
      const client = await edge.client(first + get('/2'));
      await client.receiveAll();
      assert.equal(edge.requests.length, 1);
      assert.doesNotMatch(edge.lines.join('\n'), /Fault/);
    });
  }

  it('that fails before its head becomes the status of the rule', async () => {
    const client = await (await start()).client(get('/1'));
    (await edge.request()).start().fail(reject('worker.failed', 'the worker ended'));
    assert.doesNotMatch(await client.receive(/^HTTP\/1\.1 502 [\s\S]*worker\.failed/), /Connection: close/);
    client.send(get('/2'));
    (await edge.request(1)).fail(reject('overload.queue', '1 waits'));
    await client.receive(/HTTP\/1\.1 503 [\s\S]*overload\.queue/);
  });

  it('that fails behind its head is cut', async () => {
    const client = await (await start()).client(get('/'));
    const request = (await edge.request()).start();
    request.respond(ok, 'begun', false);
    await client.receive(/begun/);
    request.fail(reject('worker.failed', 'the worker ended'));
    assert.doesNotMatch(await client.receiveAll(), /\r\n0\r\n\r\n$/);
  });
});

describe('a fault of ours', () => {
  it('costs the connection that it happens in, and is logged', async () => {
    await start();
    edge.onDispatch = (request) => {
      if (request.path === '/breaks') throw new Error('broken on purpose');
      request.start().respond(ok, 'fine');
    };
    const broken = await edge.client(get('/breaks'));
    assert.equal(await broken.receiveAll(), '');
    assert.match(edge.lines.join('\n'), /Fault in a connection, which is closed\nError: broken on purpose/);
    const other = await edge.client(get('/'));
    await other.receive(/fine$/);
  });
});
