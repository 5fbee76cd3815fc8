import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { rules as allRules, isObservable, type RuleId } from '../../src/rejection/rules.ts';
import { within } from '../support/deadline.ts';
import { KeepAliveClient } from '../support/keep-alive-client.ts';
import { childrenOf } from '../support/program.ts';
import { Load } from './load.ts';
import { get, Server, startServer, type WorkerClass } from './server.ts';

const edges = 2;
/** Of all requests but the ones that the limit is for. */
const environ = get('/environ', 'X-One: 1\r\n');
const fiveFields = get('/environ', 'X-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nX-Four: 4\r\n');

const forever = { keepAlive: { idle: '60s', maxRequests: 1_000_000 } };
const tight = { ...forever, request: { fields: { maxCount: 3 } } };
const loose = { ...forever, request: { fields: { maxCount: 100 } } };

function flagsOf(workerClass: WorkerClass): readonly string[] {
  return workerClass === 'inline' ? ['-w', String(edges)] : ['-w', '2', '--edges', String(edges)];
}

function write(server: Server, policy: object | string): void {
  const path = join(server.folder, 'policy.json');
  writeFileSync(`${path}.new`, typeof policy === 'string' ? policy : JSON.stringify(policy));
  renameSync(`${path}.new`, path);
}

/** Reloads, and waits until that is reported: `count` is the number of reloads so far, this one included. */
async function reload(server: Server, policy: object, count: number): Promise<void> {
  write(server, policy);
  server.program.signal('SIGHUP');
  await server.program.logged(/Policy reloaded: policy \(in force in 2 edges\)/, count);
}

/** Which edge a connection is with. */
async function edgeOf(client: KeepAliveClient): Promise<string> {
  const { status, content } = await client.ask(environ);
  assert.equal(status, 200, content.toString());
  return /^\d+ \S+ ([0-9a-f]+)-\d+$/.exec(content.toString())?.[1] ?? assert.fail(content.toString());
}

/** A connection to each edge: the kernel chooses, so others are opened and closed again until all have one. */
async function connectToEach(server: Server, clients: Map<string, KeepAliveClient>): Promise<void> {
  const connecting = async (): Promise<void> => {
    while (clients.size < edges) {
      const client = await KeepAliveClient.connect(server.port);
      const edge = await edgeOf(client);
      if (clients.has(edge)) client.destroy();
      else clients.set(edge, client);
    }
  };
  await within(30_000, connecting(), () => `connections to ${clients.size} edges alone`);
}

async function askEach(clients: Map<string, KeepAliveClient>, expected: number): Promise<void> {
  for (const [edge, client] of clients) {
    const { status, closes } = await client.ask(fiveFields);
    assert.equal(status, expected);
    if (!closes) continue;
    client.destroy();
    clients.delete(edge);
  }
}

for (const { workerClass, reloads } of [
  { workerClass: 'node', reloads: 10 },
  { workerClass: 'inline', reloads: 5 },
] as const) {
  describe(`a reload with -k ${workerClass}`, () => {
    let server: Server;
    before(async () => {
      server = await startServer({ workerClass, policy: loose, flags: flagsOf(workerClass) });
    });
    after(() => server.stop());

    it(`costs no request, and holds for every edge, as does the new application (${reloads} times)`, async () => {
      const probes = new Map<string, KeepAliveClient>();
      const load = new Load(server.port, 8);
      let seen = 0;
      try {
        for (let count = 1; count <= reloads; count++) {
          await connectToEach(server, probes);
          await reload(server, count % 2 === 1 ? tight : loose, count);
          // With `inline` on edges that are about to go, as far as they are not gone; else on those that stay.
          if (workerClass === 'node') await askEach(probes, count % 2 === 1 ? 431 : 200);
          await server.program.logged(/Application reloaded: 2 new (workers|edges)$/, count);
          if (workerClass === 'inline') {
            for (const probe of probes.values()) probe.destroy();
            probes.clear();
            await connectToEach(server, probes);
            await askEach(probes, count % 2 === 1 ? 431 : 200);
          }
          assert.ok(load.answers > seen, 'nothing was answered meanwhile');
          seen = load.answers;
        }
      } finally {
        await load.stop();
        for (const probe of probes.values()) probe.destroy();
      }
      assert.doesNotMatch(server.program.stderr, /ERROR|CRITICAL|was sent/);
      assert.equal(load.closed > 0, workerClass === 'inline');
    });
  });
}

describe('a reload', () => {
  let server: Server;
  afterEach(() => server.stop());

  it('of an invalid file keeps the old policy and says why, with its place', async () => {
    server = await startServer({ policy: tight });
    const client = await KeepAliveClient.connect(server.port);
    await client.ask(environ);
    write(server, '{\n  "request": { "lime": {} },\n  "queue": { "max": "many" }\n}');
    server.program.signal('SIGHUP');
    await server.program.logged(
      /\[ERROR\] Not reloaded, the old configuration stays: \S*policy\.json:2:16: \/request\/lime: .* did you mean "line"\?\n {4} +2 \|.*\n {4} +\|.*\^\n {4}\S*policy\.json:3:21: /,
    );
    assert.equal((await client.ask(fiveFields)).status, 431);
    client.destroy();
  });

  it('of a policy that is far longer with the places of its values than in its file reaches the edges', async () => {
    server = await startServer({ policy: {}, flags: ['--edges', '2'] });
    const observable = (Object.keys(allRules) as RuleId[]).filter(isObservable);
    const rules = Object.fromEntries(observable.map((rule) => [rule, 'enforce']));
    const timeouts = { content: '1s', write: '1s', queue: '1s', worker: '1s' };
    const request = {
      line: { maxBytes: 99 },
      methods: ['GET'],
      fields: { maxCount: 9, maxFieldBytes: 99, maxTotalBytes: 999 },
    };
    const values = { mode: 'observe', rules, timeouts, request, keepAlive: { idle: '1s', maxRequests: 9 } };
    const routes = Array.from({ length: 1500 }, (_, index) => ({ path: `/${index}`, ...values }));
    await reload(server, { routes }, 1);
    assert.doesNotMatch(server.program.stderr, /ERROR|exited/);
    assert.match(await server.ask(environ), /^HTTP\/1\.1 200 /);
  });

  it('of a file that says the same is none', async () => {
    server = await startServer({ policy: tight });
    server.program.signal('SIGHUP');
    await server.program.logged(/\[INFO\] Policy unchanged: policy$/);
    assert.doesNotMatch(server.program.stderr, /reloaded/);
  });

  it('keeps the flags that replace a value of the policy', async () => {
    server = await startServer({ policy: loose, flags: ['--limit-request-fields', '3', '--edges', '2'] });
    await reload(server, { ...loose, queue: { max: 7 } }, 1);
    assert.match(await server.ask(fiveFields), /^HTTP\/1\.1 431 /);
  });

  it('holds for an edge that is started later', async () => {
    server = await startServer({ policy: loose, flags: ['--edges', '2'] });
    const workers = await server.workers(1);
    await reload(server, tight, 1);
    for (const child of childrenOf(server.program.pid)) if (!workers.includes(child)) process.kill(child, 'SIGKILL');
    await server.program.logged(/Edge \(pid:\d+\) was sent SIGKILL/, 2);
    for (let round = 0; round < 20; round++) assert.match(await server.ask(fiveFields), /^HTTP\/1\.1 431 /);
  });

  it('that is asked for during the boot comes after it', async () => {
    server = new Server({ policy: loose, flags: ['--edges', '2'] });
    await server.program.logged(/Listening at/);
    write(server, tight);
    server.program.signal('SIGHUP');
    await server.program.logged(/Handling signal: hup/);
    await server.program.logged(/Policy reloaded: policy \(in force in 2 edges\)/);
    await server.start();
    assert.match(await server.ask(fiveFields), /^HTTP\/1\.1 431 /);
  });

  it('that is asked for often at once ends with what the file says then', async () => {
    server = await startServer({ policy: loose, flags: ['--edges', '2'] });
    for (let count = 0; count < 20; count++) {
      write(server, count % 2 === 0 ? loose : tight);
      server.program.signal('SIGHUP');
    }
    write(server, { ...tight, queue: { max: 9 } });
    server.program.signal('SIGHUP');
    await within(
      30_000,
      (async () => {
        while (!(await server.ask(fiveFields)).startsWith('HTTP/1.1 431 '));
      })(),
      () => server.program.stderr,
    );
  });
});

describe('windows that a reload changes', () => {
  const sizes = [0, 1, 500, 4095, 4096, 4097, 5001, 65_535, 65_536, 70_000, 300_000, 2_000_000];
  const windows = ['4KiB', '256KiB', 5000, '64KiB'];
  const deliveries = ['complete', 'stream', 'stream'];

  for (const workerClass of ['node', 'inline'] as const) {
    it(`leave what comes and goes whole, on the same links (-k ${workerClass})`, async () => {
      const policyOf = (round: number): object => ({
        ...forever,
        request: {
          content: { maxBytes: '16MiB', memoryBytes: windows[round % windows.length], delivery: deliveries[round % 3] },
        },
        response: { bufferBytes: windows[(round + 1) % windows.length] },
      });
      const server = await startServer({
        workerClass,
        policy: policyOf(0),
        flags: [...flagsOf(workerClass), '--watch-policy'],
      });
      try {
        let isOver = false;
        const echo = async (path: string): Promise<void> => {
          let client = await KeepAliveClient.connect(server.port);
          try {
            for (let round = 0; !isOver; round++) {
              const content = randomBytes(sizes[round % sizes.length] ?? 0);
              const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`;
              const answer = await client.ask(head, content);
              assert.equal(answer.status, 200, answer.content.toString('latin1', 0, 200));
              assert.ok(answer.content.equals(content), `${content.length} bytes came back as other ones`);
              // A response that begins before its request has ended may be the last one.
              if (!answer.closes) continue;
              client.destroy();
              client = await KeepAliveClient.connect(server.port);
            }
          } finally {
            client.destroy();
          }
        };
        const echoing = Promise.all(['/echo', '/stream', '/echo', '/stream'].map(echo));
        echoing.catch(() => {});
        try {
          // The policy alone, by the change of its file: the processes and their links stay.
          for (let count = 1; count <= 8; count++) {
            write(server, policyOf(count));
            await server.program.logged(/Policy reloaded: policy \(in force in 2 edges\)/, count);
          }
        } finally {
          isOver = true;
          await echoing;
        }
        assert.doesNotMatch(server.program.stderr, /ERROR|CRITICAL|WARNING|broke/);
        const booted = server.program.stderr.match(/Booting worker/g)?.length;
        assert.equal(booted, 2);
      } finally {
        await server.stop();
      }
    });
  }
});

describe('with --watch-policy', () => {
  let server: Server;
  afterEach(() => server.stop());

  it('a policy is loaded again when its file changes, however, and its bases too', async () => {
    server = await startServer({ policy: loose, flags: ['--watch-policy', '--edges', '2'] });
    const path = join(server.folder, 'policy.json');
    // By a new file in its place.
    write(server, tight);
    await server.program.logged(/\[INFO\] Policy file changed: \S*policy\.json$/);
    await server.program.logged(/Policy reloaded/);
    assert.match(await server.ask(fiveFields), /^HTTP\/1\.1 431 /);
    // In place, by half at first.
    writeFileSync(path, '{ "extends": "./base.json", ');
    await server.program.logged(/\[ERROR\] Not reloaded, the old configuration stays: /);
    assert.match(await server.ask(fiveFields), /^HTTP\/1\.1 431 /);
    writeFileSync(path, '{ "extends": "./base.json" }');
    await server.program.logged(/\[ERROR\] Not reloaded.*\n.*|\[ERROR\].*there is no such file/, 2);
    // A file that it extends, which was not there.
    writeFileSync(join(server.folder, 'base.json'), JSON.stringify(loose));
    await server.program.logged(/Policy reloaded/, 2);
    assert.match(await server.ask(fiveFields), /^HTTP\/1\.1 200 /);
    writeFileSync(join(server.folder, 'base.json'), JSON.stringify(tight));
    await server.program.logged(/\[INFO\] Policy file changed: \S*base\.json$/, 2);
    await server.program.logged(/Policy reloaded/, 3);
    assert.match(await server.ask(fiveFields), /^HTTP\/1\.1 431 /);
  });
});
