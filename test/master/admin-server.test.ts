import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { AdminAddress } from '../../src/config/admin-address.ts';
import { AdminServer, type AdminSource } from '../../src/master/admin-server.ts';
import { BindError } from '../../src/master/listeners.ts';
import { LogLines } from '../support/log-lines.ts';
import { connectRaw, exchangeRaw, type RawClient } from '../support/raw-client.ts';

const anyPort: AdminAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 };
const last = 'Connection: close\r\n';

let log: LogLines;
let folder = '';
let servers: AdminServer[] = [];
let clients: RawClient[] = [];
let others: Server[] = [];

beforeEach(() => {
  log = new LogLines();
  folder = mkdtempSync(join(tmpdir(), 'admin-test-'));
});
afterEach(() => {
  for (const client of clients) client.destroy();
  for (const server of [...servers, ...others]) server.close();
  servers = [];
  others = [];
  clients = [];
  rmSync(folder, { recursive: true });
});

const well: AdminSource = {
  unhealthyBecause: () => null,
  unreadyBecause: () => null,
  metrics: () => Promise.resolve('x 1\n'),
};

async function start(source: AdminSource | null = well, address = anyPort, waits = false): Promise<AdminServer> {
  const server = new AdminServer(address, log.log);
  servers.push(server);
  server.source = source;
  await server.listen(waits);
  return server;
}

function portOf(server: AdminServer): number {
  return Number(/:(\d+)$/.exec(server.url ?? '')?.[1]);
}

async function connect(port: number, bytes = ''): Promise<RawClient> {
  const client = await connectRaw(port);
  clients.push(client);
  client.send(bytes);
  return client;
}

function get(path: string, fields = last, host = 'localhost'): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`;
}

async function ask(server: AdminServer, request: string): Promise<string> {
  return exchangeRaw(portOf(server), request);
}

const answers: readonly { behaviour: string; request: string; source?: AdminSource | null; expected: RegExp }[] = [
  {
    behaviour: 'serves metrics',
    request: get('/metrics'),
    expected: /^HTTP\/1\.1 200 .*version=0\.0\.4.*\r\n\r\nx 1\n$/s,
  },
  { behaviour: 'ignores a query', request: get('/metrics?a=/'), expected: /^HTTP\/1\.1 200 /s },
  { behaviour: 'says that the server lives', request: get('/healthz'), expected: /^HTTP\/1\.1 200 .*\r\n\r\nok\n$/s },
  { behaviour: 'says that it is ready', request: get('/readyz'), expected: /^HTTP\/1\.1 200 .*\r\n\r\nok\n$/s },
  {
    behaviour: 'says why the server is not alive',
    request: get('/healthz'),
    source: { ...well, unhealthyBecause: () => 'no edge serves' },
    expected: /^HTTP\/1\.1 503 .*\r\n\r\nno edge serves\n$/s,
  },
  {
    behaviour: 'says why it is not ready',
    request: get('/readyz'),
    source: { ...well, unreadyBecause: () => 'ending' },
    expected: /^HTTP\/1\.1 503 .*\r\n\r\nending\n$/s,
  },
  {
    behaviour: 'answers before there is a server',
    request: get('/healthz'),
    source: null,
    expected: /^HTTP\/1\.1 503 .*booting\n$/s,
  },
  { behaviour: 'has nothing at /', request: get('/'), expected: /^HTTP\/1\.1 404 /s },
  { behaviour: 'has nothing elsewhere', request: get('/metrics/../etc/passwd'), expected: /^HTTP\/1\.1 404 /s },
  { behaviour: 'forbids to keep answers', request: get('/readyz'), expected: /\r\nCache-Control: no-store\r\n/s },
  {
    behaviour: 'answers HEAD without content',
    request: get('/metrics').replace('GET', 'HEAD'),
    expected: /^HTTP\/1\.1 200 .*Content-Length: 4\r\n.*\r\n\r\n$/s,
  },
  {
    behaviour: 'refuses POST',
    request: get('/metrics').replace('GET', 'POST'),
    expected: /^HTTP\/1\.1 405 .*Allow: GET, HEAD\r\n/s,
  },
  {
    behaviour: 'reads no content',
    request: `${get('/metrics', 'Content-Length: 5\r\n')}hello`,
    expected: /^HTTP\/1\.1 413 .*Connection: close\r\n/s,
  },
  {
    behaviour: 'waits for no content that is announced',
    request: get('/metrics', 'Content-Length: 5\r\nExpect: 100-continue\r\n'),
    expected: /^HTTP\/1\.1 413 .*Connection: close\r\n/s,
  },
  {
    behaviour: 'reads no chunks',
    request: get('/metrics', 'Transfer-Encoding: chunked\r\n'),
    expected: /^HTTP\/1\.1 413 /s,
  },
  {
    behaviour: 'refuses a head that is too large',
    request: get('/metrics', `X: ${'a'.repeat(9000)}\r\n`),
    expected: /^HTTP\/1\.1 431 /s,
  },
  { behaviour: 'refuses what is no request', request: '\x16\x03\x01\x02\x00\x01', expected: /^HTTP\/1\.1 400 /s },
  { behaviour: 'needs a Host', request: 'GET /metrics HTTP/1.1\r\n\r\n', expected: /^HTTP\/1\.1 400 /s },
  { behaviour: 'serves HTTP/1.0 without one', request: 'GET /readyz HTTP/1.0\r\n\r\n', expected: /^HTTP\/1\.1 200 /s },
  { behaviour: 'serves an address', request: get('/readyz', last, '10.1.2.3:9000'), expected: /^HTTP\/1\.1 200 /s },
  { behaviour: 'serves an IPv6 address', request: get('/readyz', last, '[::1]:9000'), expected: /^HTTP\/1\.1 200 /s },
  {
    behaviour: 'does not serve a name that points here',
    request: get('/metrics', last, 'evil.example:9000'),
    expected: /^HTTP\/1\.1 421 /s,
  },
  {
    behaviour: 'nor one that looks like an address',
    request: get('/metrics', last, '127.0.0.1.evil.example'),
    expected: /^HTTP\/1\.1 421 /s,
  },
];

describe('the admin server', () => {
  for (const { behaviour, request, source = well, expected } of answers) {
    it(behaviour, async () => assert.match(await ask(await start(source), request), expected));
  }

  it('answers 500 where the metrics cannot be had, and goes on', async () => {
    const server = await start({ ...well, metrics: () => Promise.reject(new Error('broken')) });
    assert.match(await ask(server, get('/metrics')), /^HTTP\/1\.1 500 /);
    assert.equal(log.matching(/^\[ERROR\] A request for metrics failed: Error: broken/).length, 1);
    assert.match(await ask(server, get('/healthz')), /^HTTP\/1\.1 200 /);
  });

  describe('among hostile clients', () => {
    it('serves the newest one while a hundred others send nothing, or never all of their heads', async () => {
      const server = await start();
      const slow: RawClient[] = [];
      for (let client = 0; client < 100; client++)
        slow.push(await connect(portOf(server), client % 2 === 0 ? '' : 'GET /metr'));
      assert.match(await ask(server, get('/metrics')), /^HTTP\/1\.1 200 /);
      // The oldest made room.
      await slow[0]?.closed;
    });

    it('lets nobody dribble a head for long', async () => {
      const client = await connect(portOf(await start()), 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n');
      const dribble = setInterval(() => client.send('X: y\r\n'), 200);
      assert.match(await client.receiveAll(), /^HTTP\/1\.1 408 /);
      clearInterval(dribble);
    });

    it('keeps no answers for one who does not read them', async () => {
      const server = await start({ ...well, metrics: () => Promise.resolve('x'.repeat(32 * 1024 * 1024)) });
      const client = await connect(portOf(server));
      client.socket.pause();
      client.send(get('/metrics', ''));
      // Node notices the end of a paused socket as an error of its next write.
      const writes = setInterval(() => client.send('\r\n'), 500);
      await client.closed;
      clearInterval(writes);
      assert.match(await ask(server, get('/readyz')), /^HTTP\/1\.1 200 /);
    });

    it('makes no thousand answers for one who asks a thousand times in advance', async () => {
      let asked = 0;
      const server = await start({
        ...well,
        metrics: () => {
          asked += 1;
          return Promise.resolve('x 1\n');
        },
      });
      const client = await connect(portOf(server), get('/metrics', '').repeat(1000));
      await client.closed;
      assert.equal(asked, 1);
      const patient = await connect(portOf(server));
      for (let request = 1; request <= 3; request++) {
        patient.send(get('/metrics', ''));
        await patient.receive(new RegExp(`(?:HTTP/1\\.1 200 .*?x 1\n){${request}}$`, 's'));
      }
    });

    it('does not mind one that leaves in the middle of an answer', async () => {
      let answer = (): void => {};
      const asked = new Promise<void>((resolve) => {
        answer = resolve;
      });
      let give = (_: string): void => {};
      const server = await start({
        ...well,
        metrics: () => {
          answer();
          return new Promise((resolve) => {
            give = resolve;
          });
        },
      });
      const client = await connect(portOf(server), get('/metrics'));
      await asked;
      client.socket.resetAndDestroy();
      give('x 1\n');
      assert.match(await ask(server, get('/readyz')), /^HTTP\/1\.1 200 /);
    });
  });

  describe('at its address', () => {
    it('has a Unix socket for this user alone, also in the place of one that a dead server left', async () => {
      const path = join(folder, 'admin.sock');
      const stale = createServer().listen(path);
      await once(stale, 'listening');
      // As kill -9 would leave it: closed, and the file still there.
      const { _handle: handle } = stale as unknown as { readonly _handle: { close(): void } };
      handle.close();
      const server = await start(well, { kind: 'unix', path });
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(server.url, `unix:${path}`);
      assert.match(await exchangeRaw(path, get('/readyz', last, 'any.name')), /^HTTP\/1\.1 200 /);
    });

    it('does not take it from another program', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      others.push(other);
      await once(other, 'listening');
      const { port } = other.address() as { readonly port: number };
      await assert.rejects(start(well, { ...anyPort, port }), (error) => {
        assert.ok(error instanceof BindError);
        assert.match(
          error.message,
          new RegExp(
            `^Cannot serve metrics at 127\\.0\\.0\\.1:${port}: another program .*--admin \\(EADDRINUSE\\)\\.$`,
          ),
        );
        return true;
      });
    });

    it('does not remove a file that is no socket', async () => {
      const path = join(folder, 'file');
      writeFileSync(path, 'text');
      await assert.rejects(start(well, { kind: 'unix', path }), BindError);
      assert.equal(statSync(path).size, 4);
    });

    it('waits for the server before this one, and has it when that is gone', async () => {
      for (const address of [anyPort, { kind: 'unix', path: join(folder, 'upgrade.sock') } as const]) {
        const before = await start(well, address);
        const taken = address.kind === 'unix' ? address : { ...address, port: portOf(before) };
        const after = await start({ ...well, unreadyBecause: () => 'the new one' }, taken, true);
        assert.equal(after.url, null);
        await log.logged(/^\[INFO\] Metrics wait for .*: the server before this one still has it$/);
        before.close();
        await log.logged(/^\[INFO\] Metrics are served at .* now$/, address.kind === 'unix' ? 2 : 1);
        const target = taken.kind === 'unix' ? taken.path : taken.port;
        assert.match(await exchangeRaw(target, get('/readyz')), /the new one\n$/);
      }
    });
  });
});
