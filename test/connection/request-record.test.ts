import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { AccessLogger, RequestNotes, RequestRecord } from '../../src/connection/request-record.ts';
import type { RequestHead } from '../../src/http1/request-head.ts';
import type { ResponseHead } from '../../src/http1/response-head.ts';
import { policyFrom } from '../../src/policy/load.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { TestEdge } from './edge-harness.ts';

/** Keeps the records, and what was told beside them. */
class Records implements AccessLogger {
  readonly ended: RequestRecord[] = [];
  readonly told: string[] = [];

  begin(head: RequestHead): RequestNotes {
    this.told.push(`head ${head.method}`);
    return this.#notes;
  }

  beginWithoutHead(received: Uint8Array | undefined): RequestNotes {
    this.told.push(`no head ${JSON.stringify(Buffer.from(received ?? []).toString('latin1'))}`);
    return this.#notes;
  }

  end(record: RequestRecord): void {
    this.ended.push(record);
  }

  get #notes(): RequestNotes {
    return {
      environ: (encoded) => {
        this.told.push(`environ ${/RAW_URI\0([^\0]*)/.exec(Buffer.from(encoded).toString('latin1'))?.[1]}`);
      },
      responseHead: ({ status }: ResponseHead) => {
        this.told.push(`response ${status}`);
      },
    };
  }
}

let records: Records;
let edge: TestEdge;
afterEach(() => edge.stop());

async function start(change: (policy: Policy) => Policy = (policy) => policy): Promise<void> {
  records = new Records();
  edge = await new TestEdge(change, { accessLog: records }).listen();
}

async function record(index = 0): Promise<RequestRecord> {
  await edge.until(() => records.ended.length > index, `record ${index} did not end`);
  const ended = records.ended[index];
  assert.ok(ended !== undefined);
  return ended;
}

const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

describe('the record of a request', () => {
  it('has its times in order, its bytes, its worker and its status', async () => {
    await start();
    await edge.client('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc');
    const request = (await edge.request()).start();
    await edge.until(() => request.contentHasEnded, 'no content');
    request.respond('201 Created\0', 'hello');
    const ended = await record();
    const { startedAt, releasedAt, dispatchedAt, answeredAt, completeAt, endedAt } = ended;
    const times = [1, startedAt, releasedAt, dispatchedAt, answeredAt, completeAt, endedAt];
    assert.deepEqual(
      times,
      times.toSorted((left, right) => left - right),
    );
    const { status, receivedBytes, sentBytes, workerPid, rejection, isCut, policy, route } = ended;
    assert.deepEqual(
      { status, receivedBytes, sentBytes, workerPid, rejection, isCut, policy, route },
      {
        ...{ status: 201, receivedBytes: 3, sentBytes: 5, workerPid: 4711, rejection: null, isCut: false },
        ...{ policy: 'default', route: null },
      },
    );
    assert.deepEqual(records.told, ['head POST', 'environ /a', 'response 201']);
    assert.match(request.environ['portcullis.request_id'] ?? '', new RegExp(`-${ended.requestNumber}$`));
  });

  it('counts no content of a HEAD', async () => {
    await start();
    await edge.client('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    (await edge.request()).start().respond('200 OK\0Content-Length\x005\0', 'hello');
    assert.equal((await record()).sentBytes, 0);
  });

  it('ends for each of several pipelined requests', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond('200 OK\0', request.path);
    await edge.client(get('/1') + get('/22') + get('/333'));
    await record(2);
    assert.deepEqual(
      records.ended.map(({ sentBytes }) => sentBytes),
      [2, 3, 4],
    );
    assert.equal(records.ended.length, 3);
  });

  it('says why a request was refused after its head', async () => {
    await start((policy) => ({ ...policy, request: { ...policy.request, hosts: ['b'] } }));
    await edge.client(get('/'));
    const { status, rejection, releasedAt, sentBytes } = await record();
    assert.deepEqual([status, rejection?.rule, releasedAt], [421, 'host.not-allowed', 0]);
    assert.ok(sentBytes > 0);
    assert.deepEqual(records.told, ['head GET']);
  });

  it('says what came where there was no head', async () => {
    await start();
    await edge.client('nonsense\r\n\r\n');
    const { status, rejection, requestNumber } = await record();
    assert.deepEqual([status, rejection?.rule, requestNumber], [400, 'request-line.malformed', 0]);
    assert.match(records.told.join(), /^no head "nonsense/);
  });

  it('has half a head that was waited for in vain', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond('200 OK\0');
    await edge.client(`${get('/')}GET /half HTTP/1.1\r\nHo`);
    await record();
    await new Promise((resolve) => setImmediate(resolve));
    edge.pass(10_400);
    const { status, rejection } = await record(1);
    assert.deepEqual([status, rejection?.rule], [408, 'timeout.head']);
    assert.match(records.told.at(-1) ?? '', /^no head "GET \/half HTTP\/1\.1/);
  });

  it('has the answer of the edge where the worker failed', async () => {
    await start();
    await edge.client(get('/'));
    (await edge.request()).start().fail(reject('worker.failed', 'it died'));
    const { status, rejection, answeredAt, workerPid } = await record();
    assert.deepEqual([status, rejection?.rule, answeredAt, workerPid], [502, 'worker.failed', 0, 4711]);
  });

  it('says that a response was cut, by the application', async () => {
    await start();
    await edge.client(get('/'));
    (await edge.request()).start().respond('200 OK\0Content-Length\x009\0', 'hello');
    const { status, isCut, sentBytes } = await record();
    assert.deepEqual([status, isCut, sentBytes], [200, true, 5]);
  });

  it('says that a response was cut, by the client', async () => {
    await start();
    const client = await edge.client(get('/'));
    const request = (await edge.request()).start();
    request.respond('200 OK\0', 'hello', false);
    client.socket.resetAndDestroy();
    const { isCut, completeAt } = await record();
    assert.deepEqual([isCut, completeAt], [true, 0]);
  });

  it('has no status where the client went before an answer', async () => {
    await start();
    const client = await edge.client(get('/'));
    (await edge.request()).start();
    client.socket.resetAndDestroy();
    const { status, isCut } = await record();
    assert.deepEqual([status, isCut], [0, true]);
  });

  it('is one for a request whose content is refused behind its answer', async () => {
    await start();
    edge.onDispatch = (request) => request.start().respond('200 OK\0', 'early');
    const client = await edge.client(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n',
    );
    await client.receiveAll();
    await edge.until(() => edge.listener.connectionCount === 0, 'the connection stays open');
    assert.deepEqual(
      records.ended.map(({ status }) => status),
      [200],
    );
  });

  it('names the policy, and the route that applied', async () => {
    const file = { routes: [{ path: '/r/*', request: { content: { maxBytes: 1 } } }] };
    await start(() => policyFrom(Buffer.from(JSON.stringify(file)), 'site.json'));
    edge.onDispatch = (request) => request.start().respond('200 OK\0');
    await edge.client(get('/r/1') + get('/'));
    await record(1);
    assert.deepEqual(
      records.ended.map(({ policy, route }) => [policy, route]),
      [
        ['site', '/r/*'],
        ['site', null],
      ],
    );
  });
});
