import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openErrorLog } from '../../src/telemetry/error-log.ts';
import { encodePairs } from '../../src/upstream/environ.ts';
import { UwsgiDispatcher, type UwsgiDispatcherOptions } from '../../src/upstream/uwsgi.ts';
import type { UwsgiAddress } from '../../src/worker/uwsgi-target.ts';
import { within } from '../support/deadline.ts';
import { RecordingSink } from './recording-sink.ts';
import { Upstream } from './uwsgi-upstream.ts';

const bounds = {
  helloMs: 3_000,
  contentWindowBytes: 65_536,
  responseWindowBytes: 100_000,
  maxResponseHeadBytes: 65_536,
  queueMax: 100,
};
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let upstreams: Upstream[];
let dispatchers: UwsgiDispatcher[];
let logged: string;

beforeEach(() => {
  upstreams = [];
  dispatchers = [];
  logged = '';
});

afterEach(async () => {
  for (const dispatcher of dispatchers) dispatcher.close();
  await Promise.all(upstreams.map((upstream) => upstream.stop()));
});

async function upstream(): Promise<Upstream> {
  const started = await new Upstream().start();
  upstreams.push(started);
  return started;
}

function dispatcherOf(
  servers: readonly UwsgiAddress[],
  options: Partial<UwsgiDispatcherOptions> = {},
): UwsgiDispatcher {
  const log = openErrorLog({ level: 'debug', write: (lines) => (logged += lines) });
  const dispatcher = new UwsgiDispatcher({ ...bounds, servers, log, ...options });
  dispatchers.push(dispatcher);
  return dispatcher;
}

function environ(method: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return Buffer.from(encodePairs([['REQUEST_METHOD', method], ['RAW_URI', '/x'], ...more]), 'latin1');
}

/** A server that is known to be there: what happens then is no first impression. */
async function serving(address: Partial<UwsgiAddress> = {}): Promise<[Upstream, UwsgiDispatcher]> {
  const server = await upstream();
  let reached: () => void = () => {};
  const isReached = new Promise<void>((resolve) => (reached = resolve));
  const dispatcher = dispatcherOf([server.address(address)], { onReachable: reached });
  await within(10_000, isReached, () => 'no pong');
  return [server, dispatcher];
}

/** Frees its port, on which nobody listens then. */
async function away(): Promise<Upstream> {
  const gone = await upstream();
  await gone.stop();
  return gone;
}

/** Nobody could be asked. */
async function takenBack(sink: RecordingSink): Promise<void> {
  await sink.until(() => sink.dispatches === 0, 'not taken back');
  assert.equal(sink.request?.phase, 'queued');
}

describe('a uWSGI upstream', () => {
  it('gets the request and its content, and its answer goes back', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink().dispatch(dispatcher, environ('POST', [['CONTENT_LENGTH', '5']]), 'hello');
    const connection = await (await server.request()).received(5);
    assert.deepEqual(connection.packet.variables, {
      REQUEST_METHOD: 'POST',
      REQUEST_URI: '/x',
      CONTENT_LENGTH: '5',
    });
    assert.equal(connection.content, 'hello');
    connection.answer('HTTP/1.1 201 Created\r\nX: 1\r\n\r\nto the end');
    assert.equal(await sink.ended(), 'complete');
    assert.deepEqual([sink.status, sink.fields, sink.content], ['201 Created', [['X', '1']], 'to the end']);
    assert.equal(sink.workerPid, 0);
  });

  for (const [behaviour, method, answer, content] of [
    ['ends an answer at its Content-Length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok'],
    ['expects no content after HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n', ''],
    ['drops content after HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\n\r\nnot this', ''],
    ['drops content after 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\nnot this', ''],
    ['drops content after 304', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nnot this', ''],
  ] as const) {
    it(`${behaviour}, while the server leaves the connection open`, async () => {
      const [server, dispatcher] = await serving();
      const sink = new RecordingSink().dispatch(dispatcher, environ(method));
      (await server.request()).socket.write(answer);
      assert.equal(await sink.ended(), 'complete');
      assert.equal(sink.content, content);
    });
  }

  it('is asked by nobody for a packet that it would drop', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink().dispatch(dispatcher, environ('GET', [['HTTP_X', 'y'.repeat(5000)]]));
    assert.equal(await sink.ended(), 'upstream.too-large');
    assert.equal(server.connections.length, 0);
  });

  it('answers although it leaves the content unread', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink();
    const request = dispatcher.dispatch(environ('POST', [['CONTENT_LENGTH', '10000000']]), true, sink);
    sink.request = request;
    const { socket } = await server.request();
    socket.pause();
    socket.write(ok);
    socket.resetAndDestroy();
    request.sendContent(Buffer.alloc(65_536));
    assert.equal(await sink.ended().catch(() => sink.outcome), 'complete');
    assert.equal(sink.content, 'ok');
  });

  it('gets content as fast as it takes it', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink();
    const request = dispatcher.dispatch(environ('POST', [['CONTENT_LENGTH', '200000']]), true, sink);
    sink.request = request;
    const piece = Buffer.alloc(50_000, 'x');
    for (let sent = 0; sent < 4; sent++) {
      request.sendContent(piece);
      if (sent < 3) await sink.until(() => sink.granted >= 50_000 * (sent + 1), 'no grant');
    }
    request.endContent();
    (await (await server.request()).received(200_000)).answer(ok);
    assert.equal(await sink.ended(), 'complete');
  });

  it('is read no further than the window while the client takes nothing', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink('slow', { isFast: false }).dispatch(dispatcher, environ('GET'));
    const total = 30_000_000;
    const { socket } = await server.request();
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    socket.write(Buffer.alloc(total));
    await sink.until(() => sink.contentBytes >= bounds.responseWindowBytes, 'nothing came');
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(sink.contentBytes <= bounds.responseWindowBytes + 65_536, `${sink.contentBytes} bytes came`);
    sink.onContent = (bytes) => sink.acknowledge(bytes);
    sink.acknowledge(sink.contentBytes);
    assert.equal(await sink.ended(), 'complete');
    assert.equal(sink.contentBytes, total);
  });

  it('hears that nobody wants its answer any more', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink().dispatch(dispatcher, environ('GET'));
    const { socket } = await server.request();
    const closed = new Promise((resolve) => socket.on('end', resolve).on('error', resolve).resume());
    sink.abort();
    await within(10_000, closed, () => 'the connection stays');
    assert.equal(dispatcher.inFlight, 0);
  });
});

describe('a hostile or broken upstream', () => {
  for (const [behaviour, answer, detail] of [
    ['an endless head', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`, /a head of more than 65536 bytes/],
    ['a line that does not end', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}`, /a head of more than 65536 bytes/],
    ['NUL in a value', 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n', /a CR or NUL in its head/],
    ['an end within the head', 'HTTP/1.1 200 OK\r\nX: ', /an end within its head/],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n', /a line that is no field/],
  ] as const) {
    it(`${behaviour} is answered 502, and the log names the upstream and the request`, async () => {
      const [server, dispatcher] = await serving();
      const sink = new RecordingSink('r-1').dispatch(dispatcher, environ('GET'));
      (await server.request()).answer(answer);
      assert.equal(await sink.ended(), 'worker.failed');
      assert.match(sink.detail, detail);
      assert.match(logged, /Upstream uwsgi:\/\/127\.0\.0\.1:\d+, request r-1 \(GET \/x\): /);
      assert.equal(server.connections.length, 1);
    });
  }

  it('a reset within content of no declared length is no end', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink().dispatch(dispatcher, environ('GET'));
    const connection = await server.request();
    connection.socket.write('HTTP/1.1 200 OK\r\n\r\nhalf');
    await sink.until(() => sink.contentBytes === 4, 'no content');
    connection.reset();
    assert.equal(await sink.ended(), 'worker.failed');
  });

  it('a head that comes a byte at a time is read', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink().dispatch(dispatcher, environ('GET'));
    const { socket } = await server.request();
    for (const byte of Buffer.from(ok)) await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
    assert.equal(await sink.ended(), 'complete');
    assert.equal(sink.content, 'ok');
  });
});

describe('several upstreams', () => {
  it('get requests as their weights say', async () => {
    const [heavy, light] = [await upstream(), await upstream()];
    const dispatcher = dispatcherOf([heavy.address({ weight: 3 }), light.address()]);
    const sinks = Array.from({ length: 40 }, () => new RecordingSink().dispatch(dispatcher, environ('GET')));
    await heavy.request(30);
    await light.request(10);
    for (const { connections } of [heavy, light]) for (const connection of connections) connection.answer(ok);
    for (const sink of sinks) assert.equal(await sink.ended(), 'complete');
  });

  for (const method of ['GET', 'POST']) {
    it(`give a ${method} that could not be sent to the one that is there`, async () => {
      const there = await upstream();
      const dispatcher = dispatcherOf([(await away()).address({ weight: 9 }), there.address()]);
      const sink = new RecordingSink().dispatch(dispatcher, environ(method), method === 'POST' ? 'once' : undefined);
      const connection = await there.request();
      if (method === 'POST') await connection.received(4);
      connection.answer(ok);
      assert.equal(await sink.ended(), 'complete');
      assert.match(logged, /gets no requests until it answers a ping: ECONNREFUSED/);
    });
  }

  for (const [method, times] of [
    ['GET', 2],
    ['HEAD', 2],
    ['OPTIONS', 2],
    ['PUT', 2],
    ['DELETE', 2],
    ['POST', 1],
    ['PATCH', 1],
    ['PURGE', 1],
  ] as const) {
    it(`get a ${method} that was lost ${times === 2 ? 'once more, and no third time' : 'never again'}`, async () => {
      const [one, other] = [await upstream(), await upstream()];
      const dispatcher = dispatcherOf([one.address(), other.address()]);
      const sink = new RecordingSink().dispatch(dispatcher, environ(method), 'content');
      (await (await one.request()).received(7)).reset();
      if (times === 2) {
        const again = await (await other.request()).received(7);
        assert.equal(again.content, 'content');
        again.reset();
      }
      assert.equal(await sink.ended(), 'worker.failed');
      assert.equal(one.connections.length + other.connections.length, times);
    });
  }

  it('get nothing again of which a byte of the answer came', async () => {
    const [server, dispatcher] = await serving();
    const sink = new RecordingSink().dispatch(dispatcher, environ('GET'));
    const connection = await server.request();
    await new Promise((resolve) => connection.socket.write('H', resolve));
    connection.socket.end();
    assert.equal(await sink.ended(), 'worker.failed');
    assert.equal(server.connections.length, 1);
  });

  it('get nothing again whose content is longer than what was kept', async () => {
    const [one, other] = [await upstream(), await upstream()];
    const dispatcher = dispatcherOf([one.address(), other.address()]);
    const sink = new RecordingSink();
    const request = dispatcher.dispatch(environ('PUT'), true, sink);
    sink.request = request;
    request.sendContent(Buffer.alloc(1000));
    await sink.until(() => sink.granted === 1000, 'no grant');
    (await one.request()).reset();
    assert.equal(await sink.ended(), 'worker.failed');
    assert.equal(other.connections.length, 0);
  });
});

describe('while no upstream is there', () => {
  it('requests wait, and are served when it is back', async () => {
    const gone = await away();
    const reached: number[] = [];
    const dispatcher = dispatcherOf([gone.address()], { onReachable: (servers) => reached.push(servers) });
    const sinks = ['GET', 'POST'].map((method) => new RecordingSink().dispatch(dispatcher, environ(method)));
    for (const sink of sinks) await takenBack(sink);
    assert.equal(dispatcher.hasWorkers, false);
    await gone.start();
    for (const count of [1, 2]) (await gone.request(count)).answer(ok);
    for (const sink of sinks) assert.equal(await sink.ended(), 'complete');
    assert.match(logged, /Upstream uwsgi:\S+ gets requests again/);
    assert.deepEqual(reached, [1]);
  });

  it('so many wait as the policy allows', async () => {
    const dispatcher = dispatcherOf([(await away()).address()], { queueMax: 1 });
    const first = new RecordingSink().dispatch(dispatcher, environ('GET'));
    await takenBack(first);
    const second = new RecordingSink().dispatch(dispatcher, environ('GET'));
    assert.equal(await second.ended(), 'overload.queue');
    assert.equal(dispatcher.waiting, 1);
    first.abort();
    assert.equal(dispatcher.waiting, 0);
  });

  it('what waits fails when the edge ends', async () => {
    const dispatcher = dispatcherOf([(await away()).address()]);
    const sink = new RecordingSink().dispatch(dispatcher, environ('GET'));
    await takenBack(sink);
    dispatcher.close();
    assert.equal(await sink.ended(), 'worker.failed');
  });
});

describe('an upstream', () => {
  it('has so many requests at once as it may, and the others wait', async () => {
    const [server, dispatcher] = await serving({ connections: 1 });
    const sinks = [1, 2].map(() => new RecordingSink().dispatch(dispatcher, environ('GET')));
    const first = await server.request();
    assert.equal(dispatcher.waiting, 1);
    assert.equal(sinks[1]?.request?.phase, 'queued');
    first.answer(ok);
    (await server.request(2)).answer(ok);
    for (const sink of sinks) assert.equal(await sink.ended(), 'complete');
  });

  it('that loses three requests in a row gets no more until it answers a ping', async () => {
    const [server, dispatcher] = await serving();
    for (let count = 1; count <= 3; count++) {
      const sink = new RecordingSink().dispatch(dispatcher, environ('POST'));
      (await server.request(count)).reset();
      assert.equal(await sink.ended(), 'worker.failed');
    }
    assert.match(logged, /3 requests in a row were lost \(ECONNRESET\)/);
    const before = server.pings;
    const sink = new RecordingSink().dispatch(dispatcher, environ('POST'));
    (await server.request(4)).answer(ok);
    assert.equal(await sink.ended(), 'complete');
    assert.equal(server.pings, before + 1);
  });
});
