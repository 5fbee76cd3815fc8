// The frameworks that people run under Gunicorn, as Debian has them: each answers the same requests in each worker class.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { expand } from '../../src/rejection/example-bytes.ts';
import { readCases } from '../support/cases.ts';
import { connectRaw, exchangeRaw } from '../support/raw-client.ts';
import { fieldValue, type ReadAnswer, readAnswer } from '../support/read-answer.ts';
import { pathOf, pythonClasses, startWsgi, type WsgiServer } from './wsgi-server.ts';

type Framework = 'Flask' | 'Django' | 'Bottle';
const apps: Readonly<Record<Framework, string>> = { Flask: 'flask_app', Django: 'django_app', Bottle: 'bottle_app' };

type Request = {
  readonly method?: string;
  readonly target: string;
  readonly host?: string;
  readonly fields?: readonly string[];
  /** As one piece with its length, or in chunks. */
  readonly content?: string;
  readonly chunks?: readonly string[];
};

type Answer = {
  readonly interim?: readonly number[];
  readonly status: number;
  /** Regular expressions, each for a whole value; null: there is no such field. */
  readonly fields?: Readonly<Record<string, string | null>>;
  readonly content?: string;
  readonly json?: unknown;
  /** As `json`, for a list whose order is the framework's own. */
  readonly sortedJson?: readonly unknown[];
  readonly cut?: boolean;
};

type Case = {
  readonly behaviour: string;
  readonly frameworks?: readonly Framework[];
  /** One after the other, with the cookies that were set. */
  readonly requests: readonly Request[];
  readonly answers: readonly Answer[];
  readonly logs?: readonly string[];
};

const cases = readCases<Case>('./frameworks.cases.json', import.meta.url);
const policy = {
  request: { content: { maxBytes: '256MiB' } },
  routes: [{ path: '/streamed-content', request: { content: { delivery: 'stream' } } }],
};
const uploadBytes = 200 * 1024 * 1024;
/** What a worker or an edge may hold more of it than before: buffers, windows, and what the collector has not got to. */
const heldBytes = 48 * 1024 * 1024;

function bytesOf({ method = 'GET', target, host = 'localhost', fields = [], content, chunks }: Request): string {
  const length = content === undefined ? [] : [`Content-Length: ${content.length}`];
  const head = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...length, ...fields, '', ''];
  const pieces = [...(chunks ?? []).map(expand), ''].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return head.join('\r\n') + (chunks === undefined ? (content ?? '') : pieces.join(''));
}

function cookiesOf({ fields }: ReadAnswer): readonly string[] {
  return fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value.split(';')[0] ?? '');
}

function compare(answer: ReadAnswer, expected: Answer): void {
  const text = answer.content.toString('utf8');
  assert.deepEqual([answer.status, answer.interim], [expected.status, expected.interim ?? []], text);
  assert.equal(answer.isCut, expected.cut ?? false);
  for (const [name, value] of Object.entries(expected.fields ?? {})) {
    if (value === null) assert.equal(fieldValue(answer, name), null);
    else assert.match(fieldValue(answer, name) ?? '', new RegExp(`^${value}$`));
  }
  if (expected.content !== undefined) assert.match(text, new RegExp(`^${expected.content}$`));
  if (expected.json !== undefined) assert.deepEqual(JSON.parse(text), expected.json);
  if (expected.sortedJson !== undefined) assert.deepEqual(JSON.parse(text).sort(), expected.sortedJson);
}

/** The most memory that each of these processes has had, in bytes. */
function peaksOf(pids: readonly number[]): readonly number[] {
  const peak = (pid: number) => /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return pids.map((pid) => Number(peak(pid)) * 1024);
}

for (const [framework, app] of Object.entries(apps)) {
  for (const flags of pythonClasses) {
    describe(`${framework} with ${flags.join(' ')}`, () => {
      let server: WsgiServer;
      before(async () => {
        server = await startWsgi({ app: `${app}:app`, files: [pathOf(`fixtures/python/${app}.py`)], flags, policy });
      });
      after(() => server.stop());

      for (const { behaviour, frameworks, requests, answers, logs = [] } of cases) {
        if (frameworks?.some((name) => name === framework) === false) continue;
        it(behaviour, async () => {
          let cookies: readonly string[] = [];
          for (const [index, request] of requests.entries()) {
            const fields = [...(request.fields ?? []), ...cookies.map((cookie) => `Cookie: ${cookie}`)];
            const answer = readAnswer(await exchangeRaw(server.port, bytesOf({ ...request, fields })), request.method);
            cookies = [...cookies, ...cookiesOf(answer)];
            const expected = answers[index];
            assert.ok(expected !== undefined);
            compare(answer, expected);
          }
          for (const line of logs) await server.program.logged(new RegExp(line));
        });
      }

      it('streams: a piece is with the client before the next one is made', async () => {
        const gate = createServer().listen(0, '127.0.0.1');
        await once(gate, 'listening');
        const address = gate.address();
        assert.ok(address !== null && typeof address === 'object');
        const waiting = once(gate, 'connection');
        const client = await connectRaw(server.port);
        client.send(bytesOf({ target: `/stream/${address.port}` }));
        await client.receive(/\r\n\r\n[\s\S]*first\n/);
        const application: Socket = (await waiting)[0];
        application.end('.');
        assert.equal(readAnswer(await client.receiveAll()).content.toString(), 'first\nlast\n');
        gate.close();
      });

      it('takes an upload of 200 MB, which neither the edge nor a worker holds in memory', async () => {
        const { workers, edges } = server.processes();
        const before = peaksOf([...workers, ...edges]);
        const answer = await upload(server.port);
        const held = peaksOf([...workers, ...edges]).map((peak, index) => peak - (before[index] ?? 0));
        assert.deepEqual(JSON.parse(answer.content.toString()), { name: 'a.bin', title: 'big', ...sent });
        assert.ok(Math.max(...held) < heldBytes, `${held.map((bytes) => Math.round(bytes / 1e6))} MB more`);
      });
    });
  }
}

/** A megabyte that does not compress, over and over. */
const block = randomBytes(1024 * 1024);
const sent = { size: uploadBytes, sha256: sha256OfUpload() };

function sha256OfUpload(): string {
  const hash = createHash('sha256');
  for (let bytes = 0; bytes < uploadBytes; bytes += block.length) hash.update(block);
  return hash.digest('hex');
}

async function upload(port: number): Promise<ReadAnswer> {
  const first =
    '--cut\r\nContent-Disposition: form-data; name="title"\r\n\r\nbig\r\n' +
    '--cut\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n' +
    'Content-Type: application/octet-stream\r\n\r\n';
  const last = '\r\n--cut--\r\n';
  const length = first.length + uploadBytes + last.length;
  const client = await connectRaw(port);
  const fields = ['Content-Type: multipart/form-data; boundary=cut', `Content-Length: ${length}`];
  client.send(bytesOf({ method: 'POST', target: '/upload', fields }) + first);
  for (let bytes = 0; bytes < uploadBytes; bytes += block.length) {
    if (!client.socket.write(block)) await once(client.socket, 'drain');
  }
  client.send(last);
  return readAnswer(await client.receiveAll(120_000));
}
