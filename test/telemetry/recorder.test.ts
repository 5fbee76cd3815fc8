import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openErrorLog } from '../../src/telemetry/error-log.ts';
import {
  LEAST_FILE_BYTES,
  MAX_REQUEST_BYTES,
  Recorder,
  type RecordingOptions,
  type RefusedRequest,
} from '../../src/telemetry/recorder.ts';

let folder = '';
let path = '';
let lines: string[] = [];
let now = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recorder-test-'));
  path = join(folder, 'below', 'refused');
  mkdirSync(join(folder, 'below'));
  lines = [];
  now = Date.UTC(2026, 10, 24, 20);
});
afterEach(() => rmSync(folder, { recursive: true }));

const clock = { now: () => now, after: () => {} };
const log = openErrorLog({ level: 'info', clock, write: (text) => lines.push(text) });
const options: Omit<RecordingOptions, 'path'> = { maxBytes: LEAST_FILE_BYTES, maskedNames: [], contentBytes: 0 };

function recorder(change: Partial<RecordingOptions> = {}): Recorder {
  return new Recorder({ ...options, ...change, path }, log, clock);
}

function refused(head: string, change: Partial<RefusedRequest> = {}): RefusedRequest {
  return {
    ...{
      client: '192.0.2.7',
      rule: 'host.not-allowed',
      status: 421,
      detail: 'no such host',
      policy: 'site',
      route: null,
    },
    ...{ observed: false, head: Buffer.from(head, 'latin1'), content: Buffer.alloc(0), ...change },
  };
}

function records(): Record<string, unknown>[] {
  const names = [`${path}.1`, path].filter((name) => existsSync(name));
  const texts = names.flatMap((name) => readFileSync(name, 'utf8').split('\n'));
  return texts.filter((text) => text !== '').map((text) => JSON.parse(text) as Record<string, unknown>);
}

const get = 'GET /x?q=1 HTTP/1.1\r\nHost: x\r\nCookie: abc\r\n\r\n';

describe('a recorder', () => {
  it('writes one JSON object a line', async () => {
    const one = recorder();
    one.record(refused(get));
    one.record(refused(get, { observed: true, route: '/admin/*', client: '' }));
    await one.settled();
    const common = {
      recorded: '2026-11-24T20:00:00.000Z',
      rule: 'host.not-allowed',
      status: 421,
      detail: 'no such host',
    };
    const request = 'GET /x?q=* HTTP/1.1\r\nHost: x\r\nCookie: ***\r\n\r\n';
    assert.deepEqual(records(), [
      { ...common, client: '192.0.2.7', policy: 'site', route: null, request, cut: false },
      { ...common, client: '', policy: 'site', route: '/admin/*', request, cut: false, observed: true },
    ]);
    assert.deepEqual(lines, []);
  });

  it('reads the bytes before it returns', async () => {
    const head = Buffer.from(get);
    const one = recorder();
    one.record({ ...refused(''), head });
    head.fill('X');
    await one.settled();
    assert.match(String(records()[0]?.['request']), /^GET/);
  });

  it('masks the further names that it is given', async () => {
    const one = recorder({ maskedNames: ['x-customer'] });
    one.record(refused('GET / HTTP/1.1\r\nX-Customer: Jo\r\n\r\n'));
    await one.settled();
    assert.match(String(records()[0]?.['request']), /X-Customer: \*\*\r/);
  });

  it('says where the bytes end before the request does', async () => {
    const one = recorder();
    const heads = [
      'GET / HTTP/1.1\r\nHo',
      'POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello',
      `GET / HTTP/1.1\r\nX: ${'y'.repeat(2 * MAX_REQUEST_BYTES)}\r\n\r\n`,
    ];
    for (const head of heads) one.record(refused(head));
    await one.settled();
    for (const { cut } of records()) assert.equal(cut, true);
    assert.equal(String(records()[2]?.['request']).length, MAX_REQUEST_BYTES);
  });

  it('writes every byte so that it comes back, and none that drives a terminal', async () => {
    const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
    const head = `GET / HTTP/1.1\r\nX: ${all.replace(/[\r\n]/g, '')}\r\n\r\n`;
    const one = recorder();
    one.record(refused(head));
    await one.settled();
    assert.equal(records()[0]?.['request'], head);
    assert.doesNotMatch(readFileSync(path, 'utf8'), /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  it('has room for the largest request in the smallest file', async () => {
    const one = recorder();
    one.record(refused(`GET / HTTP/1.1\r\nX: ${'\x01'.repeat(MAX_REQUEST_BYTES)}`));
    await one.settled();
    assert.equal(records().length, 1, lines.join(''));
  });

  it('records so many in a second, counts the others and says so once a second', async () => {
    const one = recorder();
    for (let number = 0; number < 5000; number++) one.record(refused(get));
    await one.settled();
    assert.equal(records().length, 100);
    now += 1000;
    for (let number = 0; number < 200; number++) one.record(refused(get));
    await one.settled();
    assert.equal(records().length, 200);
    assert.deepEqual(lines.join('').match(/More requests .*/g), [
      'More requests are refused than are recorded; left out so far: 1',
      'More requests are refused than are recorded; left out so far: 4901',
    ]);
  });

  it('goes on where the clock was set back', async () => {
    const one = recorder();
    for (let number = 0; number < 200; number++) one.record(refused(get));
    now -= 3_600_000;
    one.record(refused(get));
    await one.settled();
    assert.equal(records().length, 101);
  });

  it('records so many bytes in a second', async () => {
    const one = recorder();
    for (let number = 0; number < 50; number++) one.record(refused(`GET /${'a'.repeat(70_000)}`));
    await one.settled();
    const bytes = records().reduce((sum, { request }) => sum + String(request).length, 0);
    assert.ok(bytes > 900_000 && bytes <= 1024 * 1024, `${bytes}`);
  });

  it('loses what cannot be written, says so once, and goes on when it can', async () => {
    rmSync(join(folder, 'below'), { recursive: true });
    const one = recorder();
    for (let number = 0; number < 3; number++) {
      one.record(refused(get));
      await one.settled();
    }
    assert.match(lines.join(''), /^[^\n]*\[ERROR\] Refused requests cannot be recorded and are lost: ENOENT[^\n]*\n$/);
    mkdirSync(join(folder, 'below'));
    one.record(refused(get));
    await one.settled();
    assert.equal(records().length, 1);
    assert.match(lines.join(''), /\[WARNING\] Recording goes on; 3 refused requests were lost\n$/);
  });

  it('keeps content only where it was asked to, and never beside a head that is not whole', async () => {
    const content = Buffer.from('hello');
    const one = recorder({ contentBytes: 3 });
    one.record(refused('POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n', { content }));
    one.record(refused('POST / HTTP/1.1\r\nContent-Len', { content }));
    await one.settled();
    const requests = records().map(({ request }) => request);
    assert.deepEqual(requests, ['POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhello', 'POST / HTTP/1.1\r\n***********']);
  });
});
