import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, before } from 'node:test';
import { runPolicyCommand } from '../../src/explain/run-policy-command.ts';

/** A plain request. */
export const get = (path: string, host = 'shop.example'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

const site = {
  request: { line: { maxBytes: '2KiB' }, hosts: ['shop.example'] },
  rules: { 'host.not-allowed': 'observe' },
  routes: [{ path: '/admin/*', clients: { allow: ['10.0.0.0/8'] } }],
  tests: [
    { name: 'nobody gets into admin', request: get('/admin/'), expect: { rule: 'client.denied' } },
    { name: 'all others pass', request: get('/'), expect: { verdict: 'pass' } },
  ],
};
const stricter = { ...site, request: { ...site.request, line: { maxBytes: '1KiB' } }, rules: {} };
const perClient = { name: 'per-client', requests: 100, per: '1s', burst: 200, block: '1m' };
const limited = {
  request: { hosts: ['shop.example'] },
  rateLimits: [perClient, { name: 'all', key: 'route', requests: 5000, per: '1s', accuracy: 'exact' }],
  routes: [
    { path: '/login', rateLimits: [{ name: 'login', requests: 5, per: '1m', cost: 5 }] },
    { path: '/health', rateLimits: [] },
  ],
};
const recorded = (request: string, rest: object = {}): string =>
  `${JSON.stringify({ recorded: '2026-11-24T20:00:00.000Z', client: '192.0.2.7', rule: null, status: null, request, ...rest })}\n`;

const files: Readonly<Record<string, string | Uint8Array>> = {
  'site.json': JSON.stringify(site, null, 2),
  'stricter.json': JSON.stringify(stricter, null, 2),
  'same.yaml': 'extends: ./site.json\nrequest:\n  line: { maxBytes: 2048 }\n',
  'limited.json': JSON.stringify(limited, null, 2),
  'slower.json': JSON.stringify({ ...limited, rateLimits: [{ ...perClient, requests: 50 }] }),
  'doubtful.json': '{ "timeouts": { "head": "20s" } }',
  'failing.json': JSON.stringify({ tests: [{ name: 'x', request: get('/'), expect: { verdict: 'refuse' } }] }),
  'invalid.json': '{ "requst": {} }',
  'empty.json': '',
  'pass.http': get('/'),
  'login.http': get('/login') + get('/health') + get('/', 'other.example'),
  'refused.http': get('/admin/x'),
  'observed.http': get('/', 'other.example'),
  'incomplete.http': 'GET / HTTP/1.1\r\n',
  'framing.http': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  'typed.http': get('/').replaceAll('\r', ''),
  'terminal.http': 'GET /\x1b[31m\u202e HTTP/1.1\r\nHost: \x9b1m\r\n\r\n',
  'empty.http': '',
  'binary.http': Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7919) % 256)),
  'long.http': `GET /${'a'.repeat(10_000_000)}`,
  'many.http': get('/').repeat(100_000),
  'requests.jsonl': [
    recorded(get('/', 'other.example')),
    recorded(get('/admin/'), { client: '10.0.0.1' }),
    recorded('POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\n\r\n', { cut: true }),
  ].join(''),
  'terminal.jsonl': Buffer.from(
    recorded('GET / HTTP/1.1\r\nHost: a\r\nX: \x9b31m\xe2\x80\xae\r\n\r\n', {
      rule: '\x1b\u202e\u2028\u{e0001}',
    }),
  ),
  'crashed.jsonl': `${recorded(get('/'))}{"recorded":"2026`,
  'broken.jsonl': `${recorded(get('/'))}{}\n`,
};

export type Said = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs `portcullis policy` in this process. */
export async function policy(
  args: readonly string[],
  options: { stdin?: string; isTTY?: boolean; environment?: Readonly<Record<string, string>> } = {},
) {
  const { stdin = '', isTTY = false, environment = {} } = options;
  const said = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') =>
    new Writable({
      decodeStrings: false,
      write(text, _, done) {
        said[name] += text;
        done();
      },
    });
  const stdout = Object.assign(into('stdout'), { isTTY });
  const terminal = {
    stdin: Readable.from([Buffer.from(stdin, 'latin1')]),
    stdout,
    stderr: into('stderr'),
    environment,
  };
  const code = await runPolicyCommand(args, terminal);
  return { code, ...said } satisfies Said;
}

/** Within a suite: its tests run in a folder that has `files`. */
export function inFolderOfFiles(): void {
  const workingDirectory = process.cwd();
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'policy-commands-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, 'latin1');
    process.chdir(folder);
  });
  after(() => {
    process.chdir(workingDirectory);
    rmSync(folder, { recursive: true });
  });
}
