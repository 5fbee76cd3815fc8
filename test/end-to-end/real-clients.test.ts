// Clients as people have them. What they send in earnest reaches the application as it was meant; a row that fails is the
// server's fault until the client is proven wrong.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readCases } from '../support/cases.ts';
import { within } from '../support/deadline.ts';
import { type Exit, Program, root, startProgram } from '../support/program.ts';

/** Regular expressions, each for a whole value; null: there is no such key. */
type Environ = Readonly<Record<string, string | null>>;

type ClientCase = {
  readonly client: string;
  readonly sends: string;
  readonly command: readonly string[];
  readonly input?: string;
  /** Names in `requests`: what the application saw, in this order, by the echoes that the client printed. */
  readonly echoes?: readonly string[];
  /** Of each request. Without more it is HTTP/1.1 and for the server's own address. */
  readonly host?: string;
  readonly environ?: Environ;
  readonly prints?: readonly string[];
  readonly neverPrints?: readonly string[];
  readonly exitCode?: number;
  /** The most connections that the echoed requests took. */
  readonly connections?: number;
  /** Rules, in the order of the log. */
  readonly refused?: readonly string[];
};

type Front = {
  readonly front: string;
  readonly config: string;
  readonly command: readonly string[];
  /** Each is logged once it works. */
  readonly logs: readonly string[];
  readonly cases: readonly ClientCase[];
};

type SeenRequest = {
  readonly method: string;
  readonly target: string;
  readonly content: string;
  readonly environ: Environ;
};

const text: Environ = { CONTENT_TYPE: 'text/plain' };
const content = 'hello, world';
const requests: Readonly<Record<string, SeenRequest>> = {
  get: {
    method: 'GET',
    target: '/caf%C3%A9/a%20b?q=%E2%9C%93&x=1%2B1',
    content: '',
    // PEP 3333: the bytes of UTF-8, each as one character.
    environ: { PATH_INFO: '/caf\u00c3\u00a9/a b', QUERY_STRING: 'q=%E2%9C%93&x=1%2B1', CONTENT_TYPE: null },
  },
  absolute: {
    method: 'GET',
    target: 'http://example.com/caf%C3%A9/a%20b?q=%E2%9C%93&x=1%2B1',
    content: '',
    environ: { PATH_INFO: '/caf\u00c3\u00a9/a b', QUERY_STRING: 'q=%E2%9C%93&x=1%2B1' },
  },
  post: { method: 'POST', target: '/post', content, environ: { ...text, CONTENT_LENGTH: '12' } },
  chunked: {
    method: 'POST',
    target: '/chunked',
    content: 'one piece, another piece',
    environ: { ...text, CONTENT_LENGTH: '24' },
  },
  /** Through a proxy that may have put them together. */
  pieces: { method: 'POST', target: '/pieces', content: 'one piece, another piece', environ: text },
  put: { method: 'PUT', target: '/put', content: 'put', environ: { ...text, CONTENT_LENGTH: '3' } },
  delete: { method: 'DELETE', target: '/delete', content: '', environ: { CONTENT_LENGTH: '0?' } },
  private: {
    method: 'GET',
    target: '/private',
    content: '',
    environ: { HTTP_AUTHORIZATION: 'Basic YWxpY2U6c2VjcmV0', HTTP_COOKIE: 'a=1; b=2' },
  },
  form: {
    method: 'POST',
    target: '/form',
    content: 'title=Notes&text=a%26b',
    environ: { CONTENT_TYPE: 'application/x-www-form-urlencoded', CONTENT_LENGTH: '22' },
  },
  upload: {
    method: 'POST',
    target: '/upload',
    content:
      '--.*name="?title"?.*\r\n\r\nNotes\r\n--.*name="file"; filename="notes.txt".*\r\n\r\ntwo\nlines\n\r\n--.*--(\r\n)?',
    environ: { CONTENT_TYPE: 'multipart/form-data; boundary=.+' },
  },
  expect: { method: 'POST', target: '/expect', content: 'continued', environ: { ...text, CONTENT_LENGTH: '9' } },
};

/** Hop-by-hop, or a claim of a peer that is not trusted. */
const neverInEnviron = ['CONNECTION', 'KEEP_ALIVE', 'PROXY_CONNECTION', 'TE', 'TRANSFER_ENCODING', 'UPGRADE']
  .concat(['HTTP2_SETTINGS', 'X_FORWARDED_FOR', 'X_FORWARDED_PROTO', 'X_REAL_IP'])
  .map((name) => `HTTP_${name}`);

const clients = fileURLToPath(new URL('fixtures/clients/', import.meta.url));
const cases = readCases<ClientCase>('real-clients.cases.json', import.meta.url);
const fronts = readCases<Front>('real-clients-behind.cases.json', import.meta.url);

type Echo = {
  readonly method: string;
  readonly target: string;
  readonly environ: Record<string, string>;
  readonly body_b64: string;
};

/** Whatever a client prints around them; a browser prints its DOM. */
function echoesIn(printed: string): readonly Echo[] {
  const plain = printed.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  return [...plain.matchAll(/\{"method":.*?"body_b64":"[^"]*","n":\d+\}/g)].map(([json]) => JSON.parse(json) as Echo);
}

function assertSeen(echo: Echo, expected: SeenRequest, environ: Environ): void {
  const seen = Buffer.from(echo.body_b64, 'base64').toString('latin1');
  assert.deepEqual([echo.method, echo.target], [expected.method, expected.target]);
  assert.match(seen, new RegExp(`^${expected.content}$`, 's'));
  for (const [key, value] of Object.entries({ ...expected.environ, ...environ })) {
    if (value === null) assert.equal(echo.environ[key], undefined, key);
    else assert.match(echo.environ[key] ?? '', new RegExp(`^${value}$`), key);
  }
  for (const key of neverInEnviron) assert.equal(echo.environ[key], undefined, key);
}

describe('the program with the default policy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'real-clients-'));
  let server: Program;
  const values = new Map([
    ['clients', clients],
    ['folder', folder],
    ['long', 'a'.repeat(5000)],
    ['node', process.execPath],
  ]);

  before(async () => {
    writeFileSync(join(folder, 'notes.txt'), 'two\nlines\n');
    writeFileSync(join(folder, 'large'), Buffer.alloc(2 ** 21, 'x'));
    server = startProgram(['-b', '127.0.0.1:0', join(root, 'examples/echo.js')]);
    values.set('port', String(await server.port()));
    values.set('url', `http://127.0.0.1:${values.get('port')}`);
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const filled = (template: string): string =>
    template.replace(/\{(\w+)\}/g, (whole, name: string) => values.get(name) ?? whole);

  /** In an environment of its own: no proxy, no settings of whoever runs the test. */
  const start = (command: readonly string[], input = ''): Program => {
    const [file = '', ...args] = command.map(filled);
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder, LANG: 'C.UTF-8' };
    const child = spawn(file, args, { cwd: folder, env });
    child.stdin.on('error', () => {}).end(input);
    return new Program(child);
  };

  const run = (command: readonly string[], input?: string): Promise<Exit> => {
    const client = start(command, input);
    const printed = () => `${command[0]} does not end:\n${client.stderr}`;
    return within(30_000, client.exited, printed).finally(() => client.stop());
  };

  const refusals = (): readonly string[] =>
    [...server.stderr.matchAll(/Refused \S+ (\S+)/g)].map(([, rule = '']) => rule);

  const check = async (row: ClientCase): Promise<void> => {
    const { echoes: names = [], refused = [], exitCode = 0 } = row;
    const refusedBefore = refusals().length;
    const { code, stdout, stderr } = await run(row.command, row.input);
    const printed = `${stdout}\n${stderr}`;
    assert.equal(code, exitCode, printed);
    for (const pattern of row.prints ?? []) assert.match(printed, new RegExp(pattern, 'm'));
    for (const pattern of row.neverPrints ?? []) assert.doesNotMatch(printed, new RegExp(pattern, 'm'));

    const seen = echoesIn(stdout);
    assert.deepEqual(
      seen.map(({ target }) => target),
      names.map((name) => requests[name]?.target),
      printed,
    );
    const host = filled(row.host ?? '127.0.0.1:{port}');
    const environ = { HTTP_HOST: host, SERVER_PROTOCOL: 'HTTP/1.1', ...row.environ };
    for (const [index, echo] of seen.entries()) {
      const expected = requests[names[index] ?? ''];
      assert.ok(expected !== undefined);
      assertSeen(echo, expected, environ);
    }

    const connections = new Set(seen.map((echo) => echo.environ['REMOTE_PORT'])).size;
    assert.ok(connections <= (row.connections ?? seen.length), `${connections} connections`);
    if (refused.length > 0) await server.logged(/Refused/, refusedBefore + refused.length);
    assert.deepEqual(refusals().slice(refusedBefore), refused);
  };

  for (const row of cases) it(`understands ${row.client}: ${row.sends}`, () => check(row));

  for (const { front, config, command, logs, cases } of fronts) {
    describe(`with ${front} in front`, () => {
      let program: Program;
      before(() => {
        writeFileSync(join(folder, config), filled(readFileSync(join(clients, config), 'utf8')));
        program = start(command);
      });
      after(() => program.stop());

      for (const pattern of logs) {
        it(`is there for it: ${pattern}`, async () => {
          const [, port] = await program.logged(new RegExp(pattern));
          if (port !== undefined) values.set('frontPort', port);
        });
      }
      for (const row of cases) it(`understands ${row.client}: ${row.sends}`, () => check(row));
    });
  }

  it('refused nothing else and logged no fault', () => {
    const expected = [...cases, ...fronts.flatMap((front) => front.cases)].flatMap(({ refused = [] }) => refused);
    assert.deepEqual(refusals(), expected);
    assert.doesNotMatch(server.stderr, /\[(ERROR|CRITICAL)\]|suppressed/);
  });
});
