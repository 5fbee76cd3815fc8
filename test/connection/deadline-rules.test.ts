import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Policy } from '../../src/policy/policy.ts';
import { TestEdge } from './edge-harness.ts';

const second = 1000;
const head = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (length: number): string => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
const ok = '200 OK\0';

/** All different, so that a test sees which one it was. */
const timeouts = {
  headMs: 3000,
  contentMs: 5000,
  contentMinRate: 0,
  writeMs: 7000,
  writeMinRate: 0,
  rateGraceMs: 10_000,
  queueMs: 11_000,
  workerMs: 13_000,
};
const idleMs = 2000;
const withTimeouts = (policy: Policy): Policy => ({
  ...policy,
  timeouts,
  keepAlive: { ...policy.keepAlive, idleMs },
});

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(change = withTimeouts): Promise<TestEdge> {
  edge = await new TestEdge(change).listen();
  return edge;
}

/** Just before the deadline, then past it and its two ticks. */
function passTo(milliseconds: number): void {
  edge.pass(milliseconds - 100);
}
function passOver(): void {
  edge.pass(400);
}

describe('the deadline of a head', () => {
  it('ends with 408', async () => {
    const client = await (await start()).client('GET / HT');
    await edge.until(() => client.socket.bytesWritten > 0, 'nothing sent');
    await turns();
    passTo(timeouts.headMs);
    await turns();
    assert.equal(client.received.length, 0);
    passOver();
    await client.receive(/^HTTP\/1\.1 408 Request Timeout\r\n(.*\r\n)*Connection: close\r\n/);
    assert.match(
      edge.lines.join(),
      /Refused 127\.0\.0\.1: timeout\.head \(not complete 3000 ms after its first byte\)/,
    );
    assert.equal(edge.requests.length, 0);
  });

  it('is absolute: bytes that dribble reset nothing', async () => {
    const client = await (await start()).client('G');
    for (const byte of `ET / HTTP/1.1\r\nHost: ${'a'.repeat(40)}`) {
      await turns();
      edge.pass(100);
      client.send(byte);
    }
    await client.receive(/^HTTP\/1\.1 408 /);
    assert.match(edge.lines.join(), /timeout\.head/);
  });

  it('closes silently where no byte of a head came', async () => {
    const client = await (await start()).client();
    edge.pass(timeouts.headMs + 400);
    assert.equal(await client.receiveAll(), '');
    assert.deepEqual(edge.lines, ['Closed a connection of 127.0.0.1: timeout.head (no byte within 3000 ms)']);
  });

  it('closes silently where an empty line is all that came', async () => {
    const client = await (await start()).client('\r\n');
    await turns();
    edge.pass(timeouts.headMs + 400);
    assert.equal(await client.receiveAll(), '');
    assert.match(edge.lines.join(), /^Closed a connection of 127\.0\.0\.1: timeout\.head \(/);
  });

  it('begins anew with each request of a connection', async () => {
    const client = await (await start()).client();
    for (let index = 0; index < 4; index++) {
      client.send('GET / HTTP/1.1\r\n');
      await turns();
      edge.pass(timeouts.headMs - 500);
      client.send('Host: a\r\n\r\n');
      (await edge.request(index)).start().respond(ok, String(index));
      await client.receive(new RegExp(`\r\n\r\n${index}$`));
    }
    client.send('GET / HTTP/1.1\r\n');
    await turns();
    edge.pass(timeouts.headMs + 400);
    await client.receive(/HTTP\/1\.1 408 /);
  });
});

describe('the deadline of content', () => {
  it('ends with 408 where none comes', async () => {
    const client = await (await start()).client(post(10));
    const request = (await edge.request()).start();
    passTo(timeouts.contentMs);
    await turns();
    assert.equal(client.received.length, 0);
    passOver();
    await client.receive(/^HTTP\/1\.1 408 (.*\r\n)*Connection: close\r\n/);
    assert.match(edge.lines.join(), /timeout\.content \(no byte came for 5000 ms\)/);
    assert.ok(request.isAborted);
  });

  it('begins anew with each byte', async () => {
    const client = await (await start()).client(post(10));
    const request = (await edge.request()).start();
    for (let count = 1; count <= 10; count++) {
      edge.pass(timeouts.contentMs - 500);
      client.send('x');
      await edge.until(() => request.content.length === count, `${count} bytes`);
    }
    request.respond(ok, 'all');
    await client.receive(/\r\n\r\nall$/);
  });

  it('holds for the rest that is drained behind an early response', async () => {
    const client = await (await start()).client(post(10));
    (await edge.request()).start().respond(ok, 'early');
    await client.receive(/\r\n\r\nearly$/);
    edge.pass(timeouts.contentMs + 400);
    await client.receiveAll();
    assert.match(edge.lines.join(), /timeout\.content/);
  });

  it('waits for nobody where the application takes none', async () => {
    const window = (policy: Policy): Policy => {
      const { request, ...rest } = withTimeouts(policy);
      return { ...rest, request: { ...request, contentMemoryBytes: 4 } };
    };
    const client = await (await start(window)).client(`${post(10)}0123456789`);
    const request = (await edge.request()).start();
    await edge.until(() => request.content === '0123', 'the window');
    edge.pass(timeouts.contentMs + 1000);
    await turns();
    assert.equal(client.received.length, 0);
    edge.pass(timeouts.workerMs - timeouts.contentMs);
    await client.receive(/^HTTP\/1\.1 504 /);
    assert.match(edge.lines.join(), /timeout\.worker/);
  });
});

describe('the deadline of an idle connection', () => {
  it('closes without a word', async () => {
    const client = await (await start()).client(head('/'));
    (await edge.request()).start().respond(ok, 'hello');
    await client.receive(/hello$/);
    await turns();
    passTo(idleMs);
    await turns();
    assert.equal(edge.listener.connectionCount, 1);
    passOver();
    assert.match(await client.receiveAll(), /hello$/);
    assert.deepEqual(edge.lines, [
      'Closed a connection of 127.0.0.1: timeout.keep-alive (no further request within 2000 ms)',
    ]);
  });

  it('begins anew with each request', async () => {
    const client = await (await start()).client();
    for (let index = 0; index < 5; index++) {
      client.send(head('/'));
      (await edge.request(index)).start().respond(ok, String(index));
      await client.receive(new RegExp(`${index}$`));
      await turns();
      edge.pass(idleMs - 300);
    }
    assert.equal(edge.listener.connectionCount, 1);
  });

  it('does not hold for a request that runs', async () => {
    const client = await (await start()).client(head('/'));
    const request = (await edge.request()).start();
    edge.pass(idleMs + second);
    request.respond(ok, 'late');
    await client.receive(/late$/);
  });
});

describe('the deadline of the queue', () => {
  it('ends with 503 and leaves the connection open', async () => {
    const client = await (await start()).client(head('/1'));
    const request = await edge.request();
    passTo(timeouts.queueMs);
    await turns();
    assert.equal(client.received.length, 0);
    passOver();
    const text = await client.receive(/^HTTP\/1\.1 503 Service Unavailable\r\n(.*\r\n)*Retry-After: 1\r\n/);
    assert.doesNotMatch(text, /Connection: close/);
    assert.match(edge.lines.join(), /timeout\.queue/);
    assert.ok(request.isAborted);
    client.send(head('/2'));
    (await edge.request(1)).start().respond(ok, 'second');
    await client.receive(/second$/);
  });

  it('is absolute: content that comes resets nothing', async () => {
    const client = await (await start()).client(post(1000));
    const request = await edge.request();
    for (let passed = 0; passed < timeouts.queueMs + 400; passed += 1000) {
      client.send('x');
      await edge.until(() => request.content.length > passed / 1000 || request.isAborted, 'content');
      edge.pass(1000);
    }
    await client.receive(/^HTTP\/1\.1 503 /);
    assert.match(edge.lines.join(), /timeout\.queue/);
  });

  it('ends where the request is dispatched', async () => {
    const client = await (await start()).client(head('/'));
    const request = await edge.request();
    passTo(timeouts.queueMs);
    request.start();
    passTo(timeouts.workerMs);
    request.respond(ok, 'late');
    await client.receive(/late$/);
  });
});

describe('the deadline of the worker', () => {
  it('ends with 504 before the response head', async () => {
    const client = await (await start()).client(head('/'));
    const request = (await edge.request()).start();
    passTo(timeouts.workerMs);
    await turns();
    assert.equal(client.received.length, 0);
    passOver();
    await client.receive(/^HTTP\/1\.1 504 Gateway Timeout\r\n/);
    assert.match(
      edge.lines.join(),
      /timeout\.worker \(no progress for 13000 ms; GET \/, dispatched 13\.1 s ago, begun\)/,
    );
    assert.ok(request.isAborted);
  });

  it('cuts the response between its pieces', async () => {
    const client = await (await start()).client(head('/'));
    const request = (await edge.request()).start();
    request.respond(ok, 'begun', false);
    await client.receive(/begun/);
    await turns();
    edge.pass(timeouts.workerMs + 400);
    const text = await client.receiveAll();
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/);
    assert.ok(request.isAborted);
  });

  it('begins anew with each piece', async () => {
    const client = await (await start()).client(head('/'));
    const request = (await edge.request()).start();
    request.respond(ok, 'a', false);
    for (const piece of 'bcd') {
      await turns();
      edge.pass(timeouts.workerMs - 500);
      request.respondContent(piece);
    }
    request.respondContent('e', true);
    await client.receive(/\r\n1\r\nd\r\n1\r\ne\r\n0\r\n\r\n$/);
  });

  it('does not exist where the policy says 0', async () => {
    const forever = (policy: Policy): Policy => {
      const { timeouts: times, ...rest } = withTimeouts(policy);
      return { ...rest, timeouts: { ...times, workerMs: 0 } };
    };
    const client = await (await start(forever)).client(head('/'));
    const request = (await edge.request()).start();
    edge.pass(100_000);
    request.respond(ok, 'at last');
    await client.receive(/at last$/);
  });
});

describe('the deadline of a write', () => {
  const large = Buffer.alloc(12 * 1024 * 1024, 'x');

  it('cuts a client that reads nothing', async () => {
    const client = await (await start()).client();
    client.socket.pause();
    client.send(head('/'));
    const request = (await edge.request()).start();
    request.respond(ok, large);
    await turns(50);
    passTo(timeouts.writeMs);
    await turns();
    assert.equal(edge.listener.connectionCount, 1);
    passOver();
    await edge.until(() => edge.listener.connectionCount === 0, 'still open');
    assert.match(edge.lines.join(), /timeout\.write \(no byte was taken for 7000 ms\)/);
  });

  it('begins anew while the client reads a little', async () => {
    const client = await (await start()).client();
    client.socket.pause();
    client.send(head('/'));
    (await edge.request()).start().respond(ok, large);
    await turns(50);
    let received = 0;
    client.socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
      client.socket.pause();
    });
    // Less time between two reads than the deadline, in all more than it.
    let passed = 0;
    for (; received < large.length; passed += 100) {
      const before = received;
      edge.pass(100);
      client.socket.resume();
      await edge.until(() => received > before, 'the rest');
      await turns(3);
    }
    assert.ok(passed > timeouts.writeMs, `${passed} ms`);
    assert.doesNotMatch(edge.lines.join(), /timeout\.write/);
  });

  it('ends where all has left: then the worker is waited for', async () => {
    const client = await (await start()).client(head('/'));
    const request = (await edge.request()).start();
    request.respond(ok, large, false);
    await edge.until(() => request.acknowledged === large.length, 'the client has not read');
    await turns();
    edge.pass(timeouts.writeMs + second);
    await turns();
    assert.deepEqual(edge.lines, []);
    request.respondContent('end', true);
    await client.receive(/3\r\nend\r\n0\r\n\r\n$/);
  });
});

describe('the deadline of a lingering close', () => {
  it('closes a client that keeps sending', async () => {
    const client = await (await start()).client('\0');
    await client.receive(/^HTTP\/1\.1 400 /);
    await turns();
    for (let passed = 0; passed < idleMs + 400; passed += 100) {
      client.send('more');
      await turns();
      edge.pass(100);
    }
    await edge.until(() => edge.listener.connectionCount === 0, 'still open');
  });
});

/** Whatever is on its way arrives: everything is in one process. */
async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
