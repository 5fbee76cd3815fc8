import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ResponseHead } from '../../src/http1/response-head.ts';
import { AccessLog, accessLogFormat, lossLine } from '../../src/telemetry/access-log.ts';
import { defaultAccessLogFormat } from '../../src/telemetry/access-log-format.ts';
import type { LoggedRequest } from '../../src/telemetry/logged-request.ts';
import type { RecordToLog } from '../../src/telemetry/logged-values.ts';
import { readCases } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';

type Case = {
  readonly behaviour: string;
  readonly format: string;
  /** One character a byte; by default a small one. */
  readonly request?: string;
  /** What came instead. */
  readonly received?: string;
  readonly environ?: string;
  /** As it travels. */
  readonly response?: string;
  readonly record?: Partial<RecordToLog>;
  readonly line: string;
};

const client = { remote: { address: '192.0.2.7' } };
const usual = {
  ...{ startedAt: 1, releasedAt: 2, dispatchedAt: 3, answeredAt: 4, completeAt: 5, endedAt: 6 },
  ...{ status: 200, receivedBytes: 0, sentBytes: 7, workerPid: 4711, requestNumber: 17, route: null, policy: 'p' },
  ...{ rejection: null, isCut: false },
};

function lineOf({ format, request, received, environ, response, record }: Omit<Case, 'behaviour' | 'line'>): string {
  let line = '';
  const sinks = [
    {
      write: (text: string): void => {
        line += text;
      },
    },
  ];
  const now = () => Date.UTC(2014, 8, 10, 10, 22, 28, 123);
  const log = new AccessLog({ format: accessLogFormat(format), requestIdPrefix: 'ab-', sinks, now });
  const notes: LoggedRequest =
    received === undefined
      ? withHead(Buffer.from(request ?? 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', 'latin1'), (head) =>
          log.begin(head, client),
        )
      : log.beginWithoutHead(Buffer.from(received, 'latin1'), client);
  if (environ !== undefined) notes.environ(Buffer.from(environ, 'latin1'));
  if (response !== undefined) {
    const head = new ResponseHead();
    assert.equal(head.read(Buffer.from(response, 'latin1')), undefined);
    notes.responseHead(head);
  }
  log.end({ ...usual, ...record, notes });
  assert.ok(line.endsWith('\n'));
  return line.slice(0, -1);
}

describe('a line of the access log', () => {
  for (const { behaviour, line, ...given } of readCases<Case>('./access-log.cases.json', import.meta.url)) {
    it(behaviour, () => assert.equal(lineOf(given), line));
  }

  it("is Gunicorn's by default", () => {
    const request = 'GET /?a HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8\r\nReferer: http://r/\r\n\r\n';
    assert.match(
      lineOf({ format: defaultAccessLogFormat, request }),
      /^192\.0\.2\.7 - - \[(09|10|11)\/Sep\/2014:\d\d:\d\d:28 [+-]\d{4}\] "GET \/\?a HTTP\/1\.1" 200 7 "http:\/\/r\/" "curl\/8"$/,
    );
  });

  it('says that lines are missing', () => {
    const loss = { lines: 12, reason: 'ENOSPC' };
    assert.equal(lossLine('%(h)s', loss, 0), '# 1970-01-01T00:00:00.000Z 12 lines were lost here: ENOSPC\n');
    assert.deepEqual(JSON.parse(lossLine('json', loss, 0)), {
      time: '1970-01-01T00:00:00.000Z',
      lost: 12,
      reason: 'ENOSPC',
    });
  });
});

describe('a JSON line of the access log', () => {
  it('has all that is known of a request', () => {
    const request = 'GET /a?b HTTP/1.1\r\nHost: h\r\nUser-Agent: \x22\\\xff\r\n\r\n';
    assert.deepEqual(JSON.parse(lineOf({ format: 'json', request, record: { workerPid: process.pid } }) as string), {
      ...{ time: '2014-09-10T10:22:28.123Z', client: '192.0.2.7', method: 'GET', target: '/a?b', protocol: 'HTTP/1.1' },
      ...{ received: null, status: 200, rule: null, cut: false, bytes_in: 0, bytes_out: 7 },
      ...{ receive_ms: 1, queue_ms: 1, head_ms: 1, app_ms: 2, send_ms: 1, total_ms: 5, worker_pid: process.pid },
      ...{ worker_rss: residentBytes(), request_id: 'ab-17', policy: 'p', route: null, host: 'h' },
      ...{ referer: null, user_agent: '"\\\u00ff' },
    });
  });

  it('has null for what there is not', () => {
    const record = { workerPid: 0, status: 0, dispatchedAt: 0, answeredAt: 0, completeAt: 0, requestNumber: 0 };
    const line = JSON.parse(lineOf({ format: 'json', received: 'x\r\ny', record })) as Record<string, unknown>;
    assert.equal(line['received'], 'x');
    const absent = ['method', 'status', 'app_ms', 'send_ms', 'worker_pid', 'worker_rss', 'request_id', 'host'];
    for (const name of absent) assert.equal(line[name], null, name);
  });

  /** The reading itself moves it by some pages. */
  function residentBytes(): number {
    const line = JSON.parse(lineOf({ format: 'json', record: { workerPid: process.pid } })) as { worker_rss: number };
    assert.ok(Math.abs(line.worker_rss - process.memoryUsage().rss) < 64 * 1024 * 1024);
    return line.worker_rss;
  }
});

describe('whatever a client sends', () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array).toString('latin1'));
  /** What may stand in a field line. */
  const value = bytes.map((text) => text.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, '\t').trim());
  const given = fc.record({ userAgent: value, user: bytes, environ: bytes, received: fc.option(bytes) });
  const requestOf = ({ userAgent, user }: { userAgent: string; user: string }): string =>
    `GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: ${userAgent}\r\nAuthorization: Basic ${Buffer.from(user).toString('base64')}\r\n\r\n`;

  it('a line of text is one line of printable ASCII with as many fields as the format', () => {
    const format = `${defaultAccessLogFormat} %({x}e)s %(a)s %(user_agent)s`;
    fc.assert(
      fc.property(given, (sent) => {
        const { received } = sent;
        const what = received === null ? { request: requestOf(sent) } : { received };
        const line = lineOf({ format, ...what, environ: `x\0${sent.environ.replaceAll('\0', '')}\0` });
        assert.match(line, /^[ -~]+$/);
        const quoted = '"(?:[^"\\\\]|\\\\.)*"';
        assert.match(
          line,
          new RegExp(`^\\S+ - \\S+ \\[[^\\]]+\\] ${quoted} \\S+ \\S+ ${quoted} ${quoted} \\S+ \\S+ \\S+$`),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('a line of JSON is one, in printable ASCII, that says what was sent', () => {
    fc.assert(
      fc.property(given, (sent) => {
        const { received } = sent;
        const what = received === null ? { request: requestOf(sent) } : { received };
        const line = lineOf({ format: 'json', ...what });
        assert.match(line, /^[ -~]+$/);
        const read = JSON.parse(line) as { user_agent: string | null; received: string | null };
        if (received === null) assert.equal(read.user_agent, sent.userAgent);
        else assert.equal(read.received ?? '', received.split(/[\r\n]/)[0]);
      }),
      { numRuns: 2000 },
    );
  });
});
