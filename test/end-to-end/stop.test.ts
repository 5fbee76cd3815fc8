import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { get, post, startServer, workerClasses } from './server.ts';

for (const workerClass of workerClasses) {
  describe(`a server with -k ${workerClass} that is told to stop`, () => {
    it('by TERM lets running requests finish, closes idle connections, and takes no new ones', async () => {
      const server = await startServer({
        workerClass,
        policy: { keepAlive: { idle: '300ms' }, request: { content: { delivery: 'stream' } } },
      });
      try {
        const idle = await server.connect(get('/declared'));
        await idle.receive(/hello$/);
        const held = await server.connect(get('/held'));
        await server.program.logged(/: held$/);
        // Content that is still on its way: what lets the held request go comes with it.
        const last = await server.connect(post('/release', 'hello').slice(0, -1));
        await server.program.logged(/: releasing$/);
        server.program.signal('SIGTERM');
        await idle.receiveAll();
        await assert.rejects(connectRaw(server.port), /ECONNREFUSED/);
        last.send('o');
        assert.match(await last.receive(/released$/), /^HTTP\/1\.1 200 OK\r\n/);
        assert.match(await held.receive(/let go$/), /Connection: close\r\n/);
        const exit = await server.program.exited;
        assert.equal(exit.code, 0, exit.stderr);
      } finally {
        await server.stop();
      }
    });

    it('by INT stops at once', async () => {
      const server = await startServer({ workerClass });
      try {
        const held = await server.connect(get('/held'));
        await server.program.logged(/: held$/);
        server.program.signal('SIGINT');
        assert.equal((await server.program.exited).code, 0);
        await held.receiveAll();
      } finally {
        await server.stop();
      }
    });
  });
}
