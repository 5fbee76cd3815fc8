import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { within } from '../support/deadline.ts';
import { get, startServer } from './server.ts';

const most = 10;

describe('a client of several edges', () => {
  it('has no more connections with all of them than the policy allows one client', async () => {
    const server = await startServer({
      policy: { connections: { maxPerClient: most }, keepAlive: { idle: '60s' } },
      flags: ['--edges', '3'],
    });
    try {
      const clients = await Promise.all(Array.from({ length: 40 }, () => server.connect(get('/declared'))));
      const closed = () => clients.filter(({ socket }) => socket.closed).length;
      const settled = async (): Promise<void> => {
        while (closed() < clients.length - most) {
          const open = clients.filter(({ socket }) => !socket.closed);
          await Promise.race(open.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve))));
        }
      };
      await within(20_000, settled(), () => `${closed()} of 40 are closed`);
      const open = clients.filter(({ socket }) => !socket.closed);
      for (const client of open) await client.receive(/hello$/);
      // Where two edges close at the same moment it can be fewer; one by one the rest finds its place, and no more.
      for (;;) {
        const client = await server.connect(get('/declared'));
        if ((await client.receive(/hello$/).catch(() => '')) === '') break;
        open.push(client);
      }
      assert.equal(open.length, most);
      for (const client of open) {
        client.send(get('/declared'));
        await client.receive(/hello[\s\S]*hello$/);
      }
      // One that leaves makes room for another, wherever the kernel puts it.
      open[0]?.destroy();
      const answered = async (): Promise<void> => {
        for (;;) {
          const client = await server.connect(get('/declared'));
          if ((await client.receive(/hello$/).catch(() => '')) !== '') return;
        }
      };
      await within(20_000, answered(), () => 'nobody has room');
    } finally {
      await server.stop();
    }
  });
});
