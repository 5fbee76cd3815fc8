import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { KeepAliveClient } from '../support/keep-alive-client.ts';
import { startProgram } from '../support/program.ts';
import { get, type Server, startServer } from './server.ts';

async function withServer(flags: readonly string[], run: (server: Server) => Promise<void>): Promise<void> {
  const server = await startServer({ flags });
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

/** Clients that ask on and on over their connections, until they are told to stop; every answer has to be good. */
function load(server: Server, clients: number): { stop(): Promise<number> } {
  let isOver = false;
  const run = async (): Promise<number> => {
    let client = await KeepAliveClient.connect(server.port);
    let asked = 0;
    for (; !isOver; asked += 1) {
      const { status, closes } = await client.ask(get('/declared'));
      assert.equal(status, 200);
      // Only where the edge has said so: after the number of requests that the policy gives a connection.
      if (closes) client = await KeepAliveClient.connect(server.port);
    }
    client.destroy();
    return asked;
  };
  const runs = Promise.all(Array.from({ length: clients }, run));
  return {
    stop: async () => {
      isOver = true;
      return (await runs).reduce((sum, asked) => sum + asked, 0);
    },
  };
}

describe('workers under load', () => {
  for (const workers of [1, 2]) {
    it(`are replaced after their number of requests without one that fails, with -w ${workers}`, async () => {
      await withServer(
        ['-w', String(workers), '--max-requests', '50', '--max-requests-jitter', '10'],
        async (server) => {
          const clients = load(server, 4);
          await server.program.logged(/\[INFO\] Autorestarting worker after current request\. \(pid:\d+; /, 4);
          await server.workers(workers + 4);
          assert.ok((await clients.stop()) > 50 * workers);
          assert.doesNotMatch(server.program.stderr, /Refused|\[ERROR\]|\[WARNING\]/);
        },
      );
    });
  }

  it('are replaced when they have lived their time', async () => {
    await withServer(['--worker-lifetime', '1'], async (server) => {
      const clients = load(server, 2);
      await server.program.logged(/Autorestarting worker .*; it has lived for 1 s\)/, 2);
      await server.workers(3);
      assert.ok((await clients.stop()) > 0);
      assert.doesNotMatch(server.program.stderr, /Refused|\[ERROR\]|\[WARNING\]/);
    });
  });
});

describe('a worker that holds too much memory', () => {
  it('is replaced, and finishes what it runs', async () => {
    await withServer(['--max-memory', '300MiB'], async (server) => {
      const [worker = 0] = await server.workers(1);
      const held = await server.connect(get('/held'));
      await server.program.logged(/: held$/);
      assert.match(await server.ask(get('/leaks?300000000')), new RegExp(`${worker}$`));
      await server.program.logged(
        new RegExp(
          `worker after current request\\. \\(pid:${worker}; it holds \\d+ MiB of memory, 300 MiB are allowed`,
        ),
      );
      const [, next = 0] = await server.workers(2);
      const answersOfNext = async (): Promise<void> => {
        while (!(await server.ask(get('/pid'))).endsWith(String(next)));
      };
      await answersOfNext();
      // The old one still has its request, and the client that gives it up is the last thing that it waits for.
      assert.doesNotMatch(server.program.stderr, /Refused/);
      held.destroy();
    });
  });
});

describe('an application that does not load any more', () => {
  it('leaves the worker that has it, which is tried again later', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recycling-'));
    const file = join(folder, 'app.mjs');
    const good = "export const app = (e, s) => { s('200 OK', []); return ['good']; };\n";
    writeFileSync(file, good);
    const program = startProgram(['-b', '127.0.0.1:0', '--max-requests', '2', file]);
    try {
      const port = await program.port();
      const ask = async (): Promise<string> => {
        const client = await KeepAliveClient.connect(port);
        const { content } = await client.ask(get('/'));
        client.destroy();
        return content.toString();
      };
      // The application is loaded once it answers.
      assert.equal(await ask(), 'good');
      writeFileSync(file, 'throw new Error("broken on purpose");\n');
      assert.equal(await ask(), 'good');
      await program.logged(/broken on purpose/);
      await program.logged(/\[WARNING\] Worker \(pid:\d+\) goes on, since no other could be started in its place/);
      assert.equal(await ask(), 'good');
      writeFileSync(file, good.replace("['good']", "['better']"));
      await program.logged(/Booting worker with pid: (\d+)/, 3);
      while ((await ask()) !== 'better');
    } finally {
      await program.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
