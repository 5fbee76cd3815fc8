import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { metricNames } from '../../src/telemetry/metrics/catalogue.ts';
import { within } from '../support/deadline.ts';
import { type Page, parseExposition } from '../support/exposition.ts';
import { KeepAliveClient } from '../support/keep-alive-client.ts';
import { childrenOf, Program, runProgram, startProgram } from '../support/program.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { RedisServer } from '../support/redis-server.ts';
import { openUdpServer, type UdpServer } from '../support/udp-server.ts';
import { get, post, type Server, type ServerOptions, startServer, workerClasses } from './server.ts';

const admin = ['--admin', '127.0.0.1:0'];
const close = 'Connection: close\r\n';

let server: Server | undefined;
let udp: UdpServer | undefined;
afterEach(async () => {
  await server?.stop();
  udp?.close();
  server = undefined;
  udp = undefined;
});

async function start(options: ServerOptions): Promise<Server> {
  server = await startServer(options);
  return server;
}

async function adminPort({ program }: Server): Promise<number> {
  return Number((await program.logged(/Metrics at: http:\/\/127\.0\.0\.1:(\d+)$/))[1]);
}

async function askAdmin(server: Server, path: string): Promise<string> {
  return exchangeRaw(await adminPort(server), get(path, close));
}

async function collect(server: Server): Promise<Page> {
  const [head = '', text = ''] = (await askAdmin(server, '/metrics')).split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
  return parseExposition(text);
}

/** Collects until this holds: processes come and go when they like. */
async function until(server: Server, holds: (samples: Page['samples']) => boolean): Promise<Page['samples']> {
  let samples: Page['samples'] = new Map();
  const collecting = async (): Promise<void> => {
    do samples = (await collect(server)).samples;
    while (!holds(samples));
  };
  await within(30_000, collecting(), () => JSON.stringify(Object.fromEntries(samples)));
  return samples;
}

/** What was added, without what stayed as it was. */
function added(before: Page['samples'], after: Page['samples'], family: string): Readonly<Record<string, number>> {
  const changes = [...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)] as const);
  return Object.fromEntries(changes.filter(([key, change]) => key.startsWith(family) && change !== 0));
}

const policy = {
  request: { hosts: ['localhost'], content: { maxBytes: 100 } },
  rules: { 'method.not-allowed': 'observe' },
};

describe('metrics', () => {
  for (const workerClass of workerClasses) {
    it(`are exact (${workerClass})`, async () => {
      const server = await start({ workerClass, policy, flags: admin });
      const { samples: before } = await collect(server);
      const requests = [
        ...Array.from({ length: 3 }, () => get('/hello', close)),
        post('/echo', 'twelve bytes', close),
        get('/no-content', close),
        get('/not-modified', close),
        get('/hello', close).replace('GET', 'PROPFIND'),
        get('/hello', close).replace('localhost', 'elsewhere'),
        post('/echo', 'x'.repeat(101), close),
        'GET / HTTP/1.1\r\n\r\n',
        'nonsense\r\n\r\n',
      ];
      let contentBytes = 0;
      for (const request of requests) {
        const answer = await server.ask(request);
        contentBytes += answer.length - answer.indexOf('\r\n\r\n') - 4;
      }
      const { samples: after } = await collect(server);
      const sums = added(before, after, 'portcullis_');
      const counted = (status: string): number | undefined => sums[`portcullis_requests_total{status="${status}"}`];
      assert.deepEqual(['2xx', '3xx', '4xx', '5xx', 'none'].map(counted), [6, 1, 4, undefined, undefined]);
      assert.deepEqual(added(before, after, 'portcullis_refusals_total'), {
        'portcullis_refusals_total{rule="host.not-allowed"}': 1,
        'portcullis_refusals_total{rule="content.too-large"}': 1,
        'portcullis_refusals_total{rule="host.missing"}': 1,
        'portcullis_refusals_total{rule="request-line.malformed"}': 1,
      });
      assert.deepEqual(added(before, after, 'portcullis_would_refuse_total'), {
        'portcullis_would_refuse_total{rule="method.not-allowed"}': 1,
      });
      assert.equal(sums['portcullis_connections_accepted_total'], 11);
      assert.equal(sums['portcullis_request_content_bytes_total'], 12);
      assert.equal(sums['portcullis_response_content_bytes_total'], contentBytes);
      assert.equal(sums['portcullis_request_duration_seconds_count'], 11);
      assert.equal(sums['portcullis_request_phase_duration_seconds_count{phase="app"}'], 7);
      assert.equal(after.get('portcullis_requests_in_flight'), 0);
    });
  }

  it('have every family of the catalogue but those of what is not used', async () => {
    udp = await openUdpServer();
    const server = await start({ flags: [...admin, '--statsd-host', `127.0.0.1:${udp.port}`] });
    const { families } = await collect(server);
    const isUsed = (name: string): boolean => !name.startsWith('portcullis_rate_limit_store_');
    assert.deepEqual([...families.keys()], metricNames.filter(isUsed));
  });

  it('show connections by their state', async () => {
    const server = await start({ flags: admin });
    const idle = await server.connect(get('/hello'));
    await idle.receive(/\r\n\r\n/);
    await server.connect('GET / HT');
    await server.connect('POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab');
    await until(server, (samples) =>
      ['idle', 'receiving-head', 'receiving-content'].every(
        (state) => samples.get(`portcullis_connections{state="${state}"}`) === 1,
      ),
    );
  });

  it('never go down when an edge is killed, and say why it was replaced', async () => {
    const server = await start({ flags: [...admin, '--edges', '2'] });
    for (let request = 0; request < 20; request++) await server.ask(get('/hello', close));
    const before = (await collect(server)).samples;
    const [worker] = await server.workers(1);
    const edges = childrenOf(server.program.pid).filter((pid) => pid !== worker);
    for (const edge of edges) process.kill(edge, 'SIGKILL');
    const cause = 'portcullis_process_exits_total{role="edge",cause="signal"}';
    const after = await until(
      server,
      (samples) => samples.get(cause) === 2 && samples.get('portcullis_edges{state="serving"}') === 2,
    );
    for (const [key, value] of before) {
      if (/_total|_count|_bucket/.test(key)) assert.ok((after.get(key) ?? 0) >= value, `${key}: ${after.get(key)}`);
    }
    const requests = 'portcullis_requests_total{status="2xx"}';
    assert.equal(after.get(requests), before.get(requests));
    await server.ask(get('/hello', close));
    assert.equal((await collect(server)).samples.get(requests), Number(before.get(requests)) + 1);
  });

  it('tell workers by their state, their memory, and why they ended', async () => {
    const server = await start({ flags: [...admin, '-w', '2'] });
    const [first = 0, second = 0] = await server.workers(2);
    const serving = 'portcullis_workers{state="serving"}';
    const samples = await until(server, (found) => found.get(serving) === 2);
    for (const pid of [first, second]) {
      const bytes = samples.get(`portcullis_process_resident_memory_bytes{role="worker",pid="${pid}"}`);
      assert.ok(Number(bytes) > 10_000_000, String(bytes));
    }
    process.kill(first, 'SIGKILL');
    server.program.signal('SIGTTOU');
    const ends = (cause: string): string => `portcullis_process_exits_total{role="worker",cause="${cause}"}`;
    await until(server, (found) => found.get(ends('signal')) === 1 && found.get(ends('told')) === 1);
  });
});

describe('probes', () => {
  it('say that a draining server is alive and not ready', async () => {
    const server = await start({ flags: admin });
    assert.match(await askAdmin(server, '/healthz'), /^HTTP\/1\.1 200 /);
    assert.match(await askAdmin(server, '/readyz'), /^HTTP\/1\.1 200 /);
    const client = await server.connect(get('/held', close));
    await until(server, (samples) => samples.get('portcullis_requests_in_flight') === 1);
    server.program.signal('SIGTERM');
    await server.program.logged(/Handling signal: term/);
    assert.match(await askAdmin(server, '/readyz'), /^HTTP\/1\.1 503 .*\r\n\r\nending\n$/s);
    assert.match(await askAdmin(server, '/healthz'), /^HTTP\/1\.1 200 /);
    client.destroy();
  });

  it('say that a server without workers is not ready', async () => {
    const server = await start({ flags: admin });
    const [worker = 0] = await server.workers(1);
    process.kill(worker, 'SIGSTOP');
    process.kill(worker, 'SIGKILL');
    await until(server, (samples) => samples.get('portcullis_ready') === 0);
    await until(server, (samples) => samples.get('portcullis_ready') === 1);
  });
});

describe('--admin', () => {
  it('at an address that is taken ends the start with a sentence', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { readonly port: number };
    const { code, stderr } = await runProgram([
      '-b',
      '127.0.0.1:0',
      '--admin',
      `127.0.0.1:${port}`,
      'examples/hello.js',
    ]);
    other.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`Cannot serve metrics at 127\\.0\\.0\\.1:${port}: another program`));
  });

  it('on all addresses is said at start', async () => {
    const program = startProgram(['-b', '127.0.0.1:0', '--admin', '0.0.0.0:0', 'examples/hello.js']);
    await program.logged(/\[WARNING\] Metrics are served at all addresses of this machine, port 0: without a password/);
    await program.stop();
  });

  it('at a Unix socket is for the user of the server alone', async () => {
    const server = await start({});
    const path = join(server.folder, 'admin.sock');
    const program = startProgram(['-b', '127.0.0.1:0', '--admin', `unix:${path}`, 'examples/hello.js']);
    await program.logged(/Metrics at: unix:/);
    await program.logged(/Booting worker/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    program.signal('SIGTERM');
    await program.exited;
    assert.equal(statSync(path, { throwIfNoEntry: false }), undefined);
  });
});

describe('StatsD', () => {
  const flags = (port: number): readonly string[] => [
    ...['--statsd-host', `127.0.0.1:${port}`, '--statsd-prefix', 'site', '--dogstatsd-tags', 'env:test,web'],
  ];
  /** Of one request; how long it took is not the same twice. */
  const wanted = /^site\.gunicorn\.(?:requests|request\.duration|request\.status\.\d+):/;
  const linesOf = ({ datagrams }: UdpServer): readonly string[] =>
    datagrams
      .flatMap((datagram) => datagram.split('\n'))
      .filter((line) => wanted.test(line))
      .map((line) => line.replace(/:[\d.]+\|ms/, ':N|ms'))
      .sort();

  async function sentByUs(): Promise<readonly string[]> {
    udp = await openUdpServer();
    server = await startServer({ flags: flags(udp.port) });
    await udp.received(/gunicorn\.requests/);
    return linesOf(udp);
  }

  it('hears of each request, and of the workers', async () => {
    const lines = await sentByUs();
    assert.deepEqual(
      [...new Set(lines)],
      [
        'site.gunicorn.request.duration:N|ms|#env:test,web',
        'site.gunicorn.request.status.200:1|c|@1.0|#env:test,web',
        'site.gunicorn.requests:1|c|@1.0|#env:test,web',
      ],
    );
    await udp?.received(/^site\.gunicorn\.workers:1\|g\|#env:test,web$/m);
  });

  it('hears of many requests in few datagrams, their durations as a sample', async () => {
    udp = await openUdpServer();
    const server = await start({ flags: flags(udp.port) });
    const many = 1000;
    const client = await KeepAliveClient.connect(server.port);
    for (let request = 0; request < many - 1; request++) assert.equal((await client.ask(get('/hello'))).status, 200);
    client.destroy();
    server.program.signal('SIGTERM');
    await server.program.exited;
    const { datagrams } = udp;
    const lines = (): readonly string[] => datagrams.flatMap((datagram) => datagram.split('\n'));
    const sum = (pattern: RegExp): number =>
      lines().reduce((total, line) => total + Number(pattern.exec(line)?.[1] ?? 0), 0);
    await udp.until(() => sum(/gunicorn\.requests:(\d+)\|c/) >= many);
    const requests = sum(/gunicorn\.requests:(\d+)\|c/);
    assert.equal(sum(/gunicorn\.request\.status\.200:(\d+)\|c/), requests);
    const timed = lines().filter((line) => line.includes('request.duration'));
    const stoodFor = timed.reduce((total, line) => total + 1 / Number(/\|@([\d.]+)/.exec(line)?.[1] ?? 1), 0);
    assert.ok(Math.abs(stoodFor - requests) <= requests / 100, `${stoodFor} for ${requests}`);
    for (const datagram of datagrams) assert.ok(datagram.length <= 1432);
  });

  const gunicorn = spawnSync('gunicorn', ['--version']).status === 0;
  it('hears what Gunicorn would have sent', { skip: gunicorn ? false : 'gunicorn is not installed' }, async () => {
    const ours = await sentByUs();
    const other = await openUdpServer();
    const app =
      "import sys,types;m=types.ModuleType('m');m.app=lambda e,s:(s('200 OK',[]),[b''])[1];sys.modules['m']=m;";
    const run = "from gunicorn.app.wsgiapp import run;sys.argv=['gunicorn']+sys.argv[1:]+['m:app'];run()";
    const args = ['-c', app + run, '-b', '127.0.0.1:0', ...flags(other.port)];
    const program = new Program(spawn('/usr/bin/python3', args, { stdio: ['ignore', 'pipe', 'pipe'] }));
    try {
      await exchangeRaw(await program.port(), get('/', close));
      await other.received(/request\.status/);
      assert.deepEqual([...new Set(ours)], linesOf(other));
    } finally {
      program.signal('SIGTERM');
      await program.exited;
      other.close();
    }
  });
});

describe('the store of rate limits', () => {
  it('is up, or in an outage that was counted', async () => {
    const redis = await RedisServer.start();
    try {
      const server = await start({ flags: [...admin, '--rate-limit-store', `redis://127.0.0.1:${redis.port}`] });
      const [up, outages] = ['portcullis_rate_limit_store_up', 'portcullis_rate_limit_store_outages_total'];
      await until(server, (samples) => samples.get(up) === 1 && samples.get(outages) === 0);
      await redis.kill();
      await until(server, (samples) => samples.get(up) === 0 && samples.get(outages) === 1);
    } finally {
      await redis.stop();
    }
  });
});
