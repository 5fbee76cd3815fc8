import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { get, post, type Server, startServer } from './server.ts';

/** A client that sends its POSTs one by one and goes on over every refusal. */
async function appendAll(server: Server, file: string, names: readonly string[]): Promise<Map<string, number>> {
  const statuses = new Map<string, number>();
  const client = await server.connect();
  for (const name of names) {
    const before = client.received.length;
    client.send(post(`/append?${file}`, '', `X-Name: ${name}\r\n`));
    // `appended` ends a good answer, `)\n` a refusal.
    const text = await client.receive(new RegExp(`^[\\s\\S]{${before}}[\\s\\S]*(appended|\\)\\n)$`));
    statuses.set(name, Number(/^HTTP\/1\.1 (\d{3}) /.exec(text.slice(before))?.[1]));
  }
  client.destroy();
  return statuses;
}

describe('a worker that is killed under load', () => {
  it('fails the requests that it was running and no other, and none runs twice', async () => {
    const server = await startServer({ flags: ['-w', '2'] });
    try {
      const [first = 0] = await server.workers(2);
      const file = join(server.folder, 'appended');
      writeFileSync(file, '');
      const clients = Array.from({ length: 8 }, (_, client) =>
        appendAll(
          server,
          file,
          Array.from({ length: 60 }, (_, index) => `${client}-${index}`),
        ),
      );
      // Both workers are at work once some lines are there.
      while (readFileSync(file, 'latin1').split('\n').length < 40) await new Promise((r) => setImmediate(r));
      process.kill(first, 'SIGKILL');
      await server.program.logged(new RegExp(`\\(pid:${first}\\) was sent SIGKILL`));
      const statuses = new Map((await Promise.all(clients)).flatMap((map) => [...map]));
      const lines = readFileSync(file, 'latin1').trim().split('\n');
      assert.equal(lines.length, new Set(lines).size, 'a request was run twice');
      const failed = [...statuses].filter(([, status]) => status !== 200);
      // The worker runs one at a time: one was begun at most, and its answer may have been on its way.
      assert.deepEqual(
        failed.filter(([, status]) => status !== 502),
        [],
      );
      assert.ok(failed.length <= 1, `${failed.length} failed: ${failed}`);
      const missing = [...statuses].filter(([name, status]) => status === 200 && !lines.includes(name));
      assert.deepEqual(missing, []);
      assert.equal(statuses.size, 480);
      await server.workers(3);
      assert.match(await server.ask(get('/declared')), /hello$/);
    } finally {
      await server.stop();
    }
  });

  it('fails with 502 what only waited for others, too, once it was begun', async () => {
    const server = await startServer();
    try {
      const [worker = 0] = await server.workers(1);
      const clients = await Promise.all(Array.from({ length: 5 }, () => server.connect(get('/held'))));
      await server.program.logged(/: held$/, 5);
      process.kill(worker, 'SIGKILL');
      for (const client of clients) {
        const text = await client.receive(/worker\.failed\)\n$/);
        assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
        assert.doesNotMatch(text, /Connection: close/);
      }
      // Their connections live on and meet the next worker.
      for (const client of clients) client.send(get('/declared'));
      for (const client of clients) await client.receive(/hello$/);
    } finally {
      await server.stop();
    }
  });

  it('cuts a response that it had begun, and the client sees that', async () => {
    const server = await startServer();
    try {
      const [worker = 0] = await server.workers(1);
      const client = await server.connect(get('/endless'));
      await client.receive(/xxxx/);
      process.kill(worker, 'SIGKILL');
      assert.doesNotMatch((await client.receiveAll()).slice(-100), /\r\n0\r\n\r\n$/);
      assert.match(await server.ask(get('/declared')), /hello$/);
    } finally {
      await server.stop();
    }
  });

  it('is replaced while requests wait, and they are answered', async () => {
    const server = await startServer();
    try {
      const [worker = 0] = await server.workers(1);
      process.kill(worker, 'SIGKILL');
      await server.program.logged(new RegExp(`\\(pid:${worker}\\) was sent SIGKILL`));
      const answers = await Promise.all(Array.from({ length: 20 }, () => server.ask(post('/echo', 'hello'))));
      for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*hello$/);
    } finally {
      await server.stop();
    }
  });
});
