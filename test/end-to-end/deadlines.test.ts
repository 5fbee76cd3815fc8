import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { get, post, type Server, startServer, workerClasses } from './server.ts';

/** Short, and each a different one: what a client sees of them, and the log. Their clockwork has tests of its own. */
const policy = {
  timeouts: { head: '200ms', content: '250ms', write: '300ms', queue: '350ms', worker: '400ms' },
  keepAlive: { idle: '200ms' },
  response: { bufferBytes: '64KiB' },
};

for (const workerClass of workerClasses) {
  describe(`the deadlines of the program with -k ${workerClass}`, () => {
    let server: Server;
    before(async () => {
      server = await startServer({ workerClass, policy });
    });
    after(() => server.stop());

    it('end a head that does not end', async () => {
      const client = await server.connect('GET / HTTP/1.1\r\nHost: localhost\r\n');
      assert.match(await client.receiveAll(), /^HTTP\/1\.1 408 Request Timeout\r\n(.*\r\n)*Connection: close\r\n/);
      await server.program.logged(/Refused 127\.0\.0\.1: timeout\.head \(not complete 200 ms after its first byte\)/);
    });

    it('end a connection on which nothing came, without a word', async () => {
      const client = await server.connect();
      assert.equal(await client.receiveAll(), '');
    });

    it('end content that does not come', async () => {
      const client = await server.connect(post('/echo', 'hello').slice(0, -1));
      assert.match(await client.receiveAll(), /^HTTP\/1\.1 408 [\s\S]*timeout\.content\)\n$/);
      await server.program.logged(/timeout\.content \(no byte came for 250 ms\)/);
    });

    it('end a connection that stays idle, without a word', async () => {
      const client = await server.connect(get('/declared'));
      assert.match(await client.receiveAll(), /hello$/);
    });

    it('end the wait for an application that never answers, and leave the connection open', async () => {
      const client = await server.connect(get('/never'));
      const text = await client.receive(/timeout\.worker\)\n$/);
      assert.match(text, /^HTTP\/1\.1 504 Gateway Timeout\r\n/);
      await server.program.logged(
        /timeout\.worker \(no progress for 400 ms; GET \/never, dispatched 0\.\d s ago, begun\)/,
      );
      client.send(get('/declared'));
      await client.receive(/hello$/);
    });

    it('end a response that nobody reads', async () => {
      const client = await server.connect();
      client.socket.pause();
      client.send(get('/endless'));
      await server.program.logged(/timeout\.write \(no byte was taken for 300 ms\)/);
      client.socket.resume();
      assert.match((await client.receiveAll()).slice(0, 100), /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(await server.ask(get('/declared')), /hello$/);
    });

    it('are no reason to speak of a fault', () => {
      assert.doesNotMatch(server.program.stderr, /\[ERROR\]|\[CRITICAL\]/);
    });
  });
}

describe('a request that no worker has room for', () => {
  it('gets 503 after the deadline of the queue, and the connection stays open', async () => {
    const server = await startServer({
      policy: { ...policy, timeouts: { ...policy.timeouts, worker: 0 } },
      flags: ['--worker-connections', '1'],
    });
    try {
      const holding = await server.connect(get('/held'));
      await server.program.logged(/: held$/);
      const client = await server.connect(get('/release'));
      const text = await client.receive(/timeout\.queue\)\n$/);
      assert.match(text, /^HTTP\/1\.1 503 Service Unavailable\r\n(.*\r\n)*Retry-After: 1\r\n/);
      await server.program.logged(/timeout\.queue \(not dispatched within 350 ms\)/);
      holding.socket.resetAndDestroy();
      client.send(get('/declared'));
      await client.receive(/hello$/);
    } finally {
      await server.stop();
    }
  });

  it('gets 503 at once where the queue is full', async () => {
    const server = await startServer({
      policy: { queue: { max: 1 }, timeouts: { worker: 0 } },
      flags: ['--worker-connections', '1'],
    });
    try {
      await server.connect(get('/held'));
      await server.program.logged(/: held$/);
      const waiting = await server.connect(get('/declared'));
      // The queue takes one of these two, in whatever order they are read; the other is refused.
      const other = await server.connect(get('/declared'));
      const text = await Promise.race([waiting.receive(/overload/), other.receive(/overload/)]);
      assert.match(text, /^HTTP\/1\.1 503 [\s\S]*overload\.queue\)\n$/);
      await server.program.logged(/overload\.queue/);
    } finally {
      await server.stop();
    }
  });
});
