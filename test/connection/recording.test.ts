import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Policy } from '../../src/policy/policy.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { openErrorLog } from '../../src/telemetry/error-log.ts';
import { LEAST_FILE_BYTES, Recorder } from '../../src/telemetry/recorder.ts';
import { TestEdge } from './edge-harness.ts';

let folder = '';
let edge: TestEdge;
let recorder: Recorder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recording-test-'));
});
afterEach(async () => {
  await edge.stop();
  rmSync(folder, { recursive: true });
});

async function start(change: (policy: Policy) => Policy = (policy) => policy, contentBytes = 0): Promise<void> {
  const log = openErrorLog({ level: 'info', write: () => {} });
  const path = join(folder, 'refused');
  recorder = new Recorder({ path, maxBytes: LEAST_FILE_BYTES, maskedNames: [], contentBytes }, log);
  edge = await new TestEdge(change, { recorder }).listen();
  edge.onDispatch = (request) => request.start();
}

type Recorded = {
  readonly recorded: string;
  readonly client: string;
  readonly rule: string;
  readonly status: number;
  readonly policy: string;
  readonly route: string | null;
  readonly request: string;
  readonly cut: boolean;
  readonly observed?: boolean;
};

async function records(): Promise<Recorded[]> {
  await recorder.settled();
  try {
    const lines = readFileSync(join(folder, 'refused'), 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Recorded);
  } catch {
    return [];
  }
}

/** Rule, request and whether it is cut, of each refusal. */
async function summary(): Promise<string[]> {
  return (await records()).map(({ rule, request, cut }) => `${rule}${cut ? ' cut' : ''}: ${request}`);
}

const withHosts = (policy: Policy): Policy => ({ ...policy, request: { ...policy.request, hosts: ['a'] } });
const observing = (policy: Policy): Policy => ({ ...withHosts(policy), mode: 'observe' });

describe('a refused request is recorded', () => {
  it('with its head where the checks refuse it, and nothing of what stands behind', async () => {
    await start(withHosts);
    const client = await edge.client('GET /?q=1 HTTP/1.1\r\nHost: b\r\n\r\nGET /2 HTTP/1.1\r\nHost: c\r\n\r\n');
    await client.receive(/421[\s\S]*421/);
    assert.deepEqual(await summary(), [
      'host.not-allowed: GET /?q=* HTTP/1.1\r\nHost: b\r\n\r\n',
      'host.not-allowed: GET /2 HTTP/1.1\r\nHost: c\r\n\r\n',
    ]);
    const [record] = await records();
    assert.match(record?.recorded ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const { client: address, status, policy, route } = record ?? {};
    assert.deepEqual(
      { address, status, policy, route },
      { address: '127.0.0.1', status: 421, policy: 'default', route: null },
    );
  });

  for (const [how, step] of [
    ['in one read', Infinity],
    ['byte by byte', 1],
  ] as const) {
    it(`with what has come of its head where the parser refuses it, ${how}`, async () => {
      await start();
      const bytes = 'GET / HTTP/1.1\r\nHost: a\r\nCookie: abc\r\nX : y\r\nZ: z\r\n\r\ncontent';
      const client = await edge.client();
      for (let at = 0; at < bytes.length && client.received.length === 0; at += step) {
        client.send(bytes.slice(at, at + step));
        if (step === 1) await new Promise((resolve) => setImmediate(resolve));
      }
      await client.receiveAll();
      const [record] = await summary();
      assert.match(
        record ?? '',
        /^field\.malformed( cut)?: GET \/ HTTP\/1\.1\r\nHost: a\r\nCookie: \*\*\*\r\n(X |\* )/,
      );
      assert.doesNotMatch(record ?? '', /content/);
    });
  }

  it('with a method that is none, however it comes', async () => {
    await start();
    const client = await edge.client('FOO');
    client.send(' /?a=b HT');
    await new Promise((resolve) => setImmediate(resolve));
    client.send('TP/1.1\r\nHost: a\r\n\r\n');
    await client.receiveAll();
    assert.match((await summary())[0] ?? '', /^method\.unknown( cut)?: FOO \/\?a=\* HTTP\/1\.1\r\n/);
  });

  it('with empty lines', async () => {
    await start();
    await (await edge.client('\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n')).receiveAll();
    assert.deepEqual(await summary(), ['request-line.malformed: \r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n']);
  });

  it('with its head where its content is refused later', async () => {
    await start();
    const head = 'POST /?a=b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const client = await edge.client(`${head}5\r\nhello\r\n`);
    await edge.request();
    client.send('zz\r\n');
    await client.receiveAll();
    assert.deepEqual(await summary(), [`framing.chunk cut: ${head.replace('=b', '=*')}`]);
  });

  it('with a transfer coding that is unknown', async () => {
    await start();
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n';
    await (await edge.client(head)).receiveAll();
    assert.deepEqual(await summary(), [`framing.transfer-coding cut: ${head}`]);
  });

  it('with content, as it came, where that was asked for', async () => {
    await start(undefined, 20);
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const client = await edge.client(`${head}1\r\na\r\n1\r\nb\r\n`);
    await edge.request();
    client.send(`1\r\nc\r\nzz\r\n${'x'.repeat(100)}`);
    await client.receiveAll();
    assert.deepEqual(await summary(), [`framing.chunk cut: ${head}1\r\na\r\n1\r\nb\r\n1\r\nc\r\nzz`]);
  });

  it('with part of a head that is not completed in time', async () => {
    await start();
    const client = await edge.client('GET /?a=bcd HTTP/1.1\r\nHost: a\r\nCookie: ab');
    await edge.until(() => edge.listener.connectionCount === 1, 'accepted');
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    edge.pass(11_000);
    await client.receiveAll();
    assert.deepEqual(await summary(), ['timeout.head cut: GET /?a=*** HTTP/1.1\r\nHost: a\r\nCookie: **']);
  });

  it('where it is only observed, and passes', async () => {
    await start(observing);
    edge.onDispatch = (request) => request.start().respond('200 OK\0', 'fine');
    const head = 'POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n';
    await (await edge.client(`${head}hi`)).receive(/fine$/);
    const [record] = await records();
    assert.deepEqual([record?.rule, record?.request, record?.observed], ['host.not-allowed', head, true]);
  });

  it('with its route, and without that of the request before it', async () => {
    await start((policy) => ({
      ...policy,
      routes: [
        {
          label: '/upload/*',
          hosts: null,
          path: '/upload/*',
          methods: null,
          values: { request: { methods: ['PUT'] } },
        },
      ],
    }));
    const client = await edge.client('GET /upload/x HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n');
    await client.receiveAll();
    assert.deepEqual(
      (await records()).map(({ rule, route }) => [rule, route]),
      [
        ['method.not-allowed', '/upload/*'],
        ['field.malformed', null],
      ],
    );
  });
});

describe('nothing is recorded', () => {
  it('of what is not the client`s doing', async () => {
    await start();
    edge.onDispatch = (request) => request.start().fail(reject('worker.failed', 'it died'));
    await (await edge.client('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).receive(/502/);
    assert.deepEqual(await records(), []);
  });

  it('of requests that pass', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond('200 OK\0', 'fine');
    await (await edge.client('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).receive(/fine$/);
    assert.deepEqual(await records(), []);
  });
});
