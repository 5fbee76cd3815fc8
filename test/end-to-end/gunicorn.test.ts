// The same application under Gunicorn and under this server, with the policy `gunicorn`: it sees the same requests and gives
// the same answers, but for the differences that are listed, each with its reason (docs/from-gunicorn.md prints them).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Program, startProgram } from '../support/program.ts';
import { RawClient } from '../support/raw-client.ts';
import { type ReadAnswer, readAnswer } from '../support/read-answer.ts';
import { pathOf, systemPython } from './wsgi-server.ts';

/** Of a key of the environ, or of `answer: ` with a field or `version`. Regular expressions; null: it is missing. */
type Difference = {
  readonly key: string;
  readonly gunicorn: string | null;
  readonly portcullis: string | null;
  readonly because: string;
};

type Case = {
  readonly behaviour: string;
  readonly request: string;
  readonly method?: string;
  /** TCP on IPv4 without more. */
  readonly listener?: 'ipv6' | 'unix';
  readonly scriptName?: string;
  readonly differences?: readonly Difference[];
  /** By which rule, and what Gunicorn answers; null: it depends on its version. */
  readonly refused?: { readonly rule: string; readonly gunicorn: number | null; readonly because: string };
};

type Cases = {
  /** May be there in each case. */
  readonly everywhere: readonly Difference[];
  readonly cases: readonly Case[];
};

const { everywhere, cases } = JSON.parse(
  readFileSync(new URL('./gunicorn.cases.json', import.meta.url), 'utf8'),
) as Cases;
const application = dirname(pathOf('fixtures/python/environ_app.py'));

/** What a case sees of one server: keys with values as text. */
type Seen = ReadonlyMap<string, string>;

/** Both servers, on a listener of each kind. */
class Pair {
  readonly folder = mkdtempSync(join(tmpdir(), 'gunicorn-test-'));
  readonly gunicorn: Program;
  readonly portcullis: Program;

  constructor(scriptName: string) {
    const env = { SCRIPT_NAME: scriptName, PYTHONDONTWRITEBYTECODE: '1' };
    this.gunicorn = new Program(
      spawn(systemPython, ['-m', 'gunicorn', ...this.binds('gunicorn'), 'environ_app:app'], {
        cwd: application,
        env: { ...process.env, GUNICORN_CMD_ARGS: '', WEB_CONCURRENCY: '1', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    const flags = ['--no-control-socket', '-P', 'gunicorn', '--python', systemPython];
    this.portcullis = startProgram([...this.binds('portcullis'), ...flags, 'environ_app:app'], {
      cwd: application,
      env,
    });
  }

  binds(name: string): readonly string[] {
    return ['127.0.0.1:0', '[::1]:0', `unix:${join(this.folder, name)}`].flatMap((address) => ['-b', address]);
  }

  async start(): Promise<void> {
    for (const program of [this.gunicorn, this.portcullis]) await program.logged(/Booting worker with pid/);
  }

  /** Where this server is reached on that kind of listener. */
  address(name: 'gunicorn' | 'portcullis', listener: Case['listener']): NetConnectOpts {
    if (listener === 'unix') return { path: join(this.folder, name) };
    const [host, pattern] =
      listener === 'ipv6' ? ['::1', /:\/\/\[::1\]:(\d+)/] : ['127.0.0.1', /:\/\/127\.0\.0\.1:(\d+)/];
    return { host, port: Number(pattern.exec(this[name].stderr)?.[1]) };
  }

  async stop(): Promise<void> {
    // Gunicorn's worker is a process that its master alone ends.
    this.gunicorn.signal('SIGTERM');
    await this.gunicorn.exited;
    await this.portcullis.stop();
    rmSync(this.folder, { recursive: true });
  }
}

async function ask(address: NetConnectOpts, { request, method }: Case): Promise<ReadAnswer> {
  const socket = connect(address);
  await once(socket, 'connect');
  const client = new RawClient(socket);
  client.send(request);
  return readAnswer(await client.receiveAll(), method);
}

function seenIn(answer: ReadAnswer, method: string | undefined, address: NetConnectOpts): Seen {
  const seen = new Map<string, string>([
    ['answer: status', `${answer.status} ${answer.reason}`],
    ['answer: interim', answer.interim.join()],
    ['answer: version', answer.version],
  ]);
  for (const [name, value] of answer.fields) {
    if (['connection', 'date', 'server'].includes(name)) continue;
    const key = `answer: ${name.replace(/(^|-)./g, (start) => start.toUpperCase())}`;
    const before = seen.get(key);
    seen.set(key, before === undefined ? value : `${before}\n${value}`);
  }
  const text = answer.content.toString('utf8');
  if (method === 'HEAD' || !text.startsWith('{')) return seen.set('answer: content', text);
  for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
    seen.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
  // Each has ports of its own.
  if ('port' in address && seen.get('SERVER_PORT') === String(address.port)) seen.set('SERVER_PORT', '{port}');
  if (/^\d+$/.test(seen.get('REMOTE_PORT') ?? '')) seen.set('REMOTE_PORT', '{port}');
  // Of the text that has those ports in it.
  if (seen.get('PATH_INFO') === '/with-length') seen.delete('answer: Content-Length');
  return seen;
}

function matches(pattern: string | null, value: string | undefined): boolean {
  return pattern === null ? value === undefined : value !== undefined && new RegExp(`^(?:${pattern})$`).test(value);
}

const used = new Set<Difference>();

/** Throws where something differs that is not listed, or where something listed does not differ. */
function compare(gunicorn: Seen, portcullis: Seen, listed: readonly Difference[]): void {
  const left = new Set(listed);
  for (const key of new Set([...gunicorn.keys(), ...portcullis.keys()])) {
    const [theirs, ours] = [gunicorn.get(key), portcullis.get(key)];
    if (theirs === ours) continue;
    const difference = [...listed, ...everywhere].find(
      (row) => row.key === key && matches(row.gunicorn, theirs) && matches(row.portcullis, ours),
    );
    assert.ok(difference !== undefined, `${key} differs: ${JSON.stringify(theirs)} and here ${JSON.stringify(ours)}`);
    left.delete(difference);
    used.add(difference);
  }
  assert.deepEqual([...left], [], 'listed, and the same');
}

for (const scriptName of new Set(cases.map((row) => row.scriptName ?? ''))) {
  describe(`an application under Gunicorn and here${scriptName === '' ? '' : `, mounted at ${scriptName}`}`, () => {
    let pair: Pair;
    before(async () => {
      pair = new Pair(scriptName);
      await pair.start();
    });
    after(() => pair.stop());

    for (const row of cases.filter((each) => (each.scriptName ?? '') === scriptName)) {
      it(`${row.refused === undefined ? 'sees the same' : 'is not asked'}: ${row.behaviour}`, async () => {
        const addresses = {
          gunicorn: pair.address('gunicorn', row.listener),
          portcullis: pair.address('portcullis', row.listener),
        };
        const ours = await ask(addresses.portcullis, row);
        if (row.refused !== undefined) {
          assert.match(ours.content.toString(), new RegExp(`\\(${row.refused.rule}\\)`));
          if (row.refused.gunicorn === null) return;
          assert.equal((await ask(addresses.gunicorn, row)).status, row.refused.gunicorn);
          return;
        }
        const theirs = await ask(addresses.gunicorn, row);
        compare(
          seenIn(theirs, row.method, addresses.gunicorn),
          seenIn(ours, row.method, addresses.portcullis),
          row.differences ?? [],
        );
      });
    }
  });
}

describe('the differences from Gunicorn', () => {
  it('that are listed for every request are there', () => {
    assert.deepEqual(
      everywhere.filter((difference) => !used.has(difference)),
      [],
    );
  });
});
