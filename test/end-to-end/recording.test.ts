import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { childrenOf, gone, runProgram } from '../support/program.ts';
import { get, Server } from './server.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-end-to-end-'));
  path = join(folder, 'refused');
});
afterEach(() => rmSync(folder, { recursive: true }));

function lines(): string[] {
  const names = [`${path}.1`, path].filter((name) => existsSync(name));
  return names.flatMap((name) => readFileSync(name, 'utf8').split('\n')).filter((line) => line !== '');
}

async function start(...flags: string[]): Promise<Server> {
  const before = process.umask(0);
  const server = new Server({ flags: ['--edges', '2', '--record', path, ...flags] });
  process.umask(before);
  try {
    return await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const malformed = (number: number): string => get(`/${number}?token=abc`, 'Authorization: Bearer abc\r\nX : y\r\n');

describe('a server with --record and two edges', () => {
  it('keeps each refused request in one file that is its own, also when it is told to stop', async () => {
    const server = await start('--record-mask', 'x-customer');
    try {
      const count = 60;
      await Promise.all(Array.from({ length: count }, (_, number) => server.ask(malformed(number))));
      await server.ask(get('/last', 'X-Customer: abc\r\nHost: b\r\n'));
      server.program.signal('SIGTERM');
      assert.equal((await server.program.exited).code, 0);
      const records = lines().map((line) => JSON.parse(line) as { readonly rule: string; readonly request: string });
      const numbers = records.flatMap(({ request }) => /^GET \/(\d+)\?token=\*\*\* /.exec(request)?.[1] ?? []);
      assert.deepEqual(
        numbers.map(Number).sort((left, right) => left - right),
        Array.from({ length: count }, (_, number) => number),
      );
      // Each edge writes what it has: the order of two of them is nobody's.
      const last = records.find(({ request }) => request.startsWith('GET /last'));
      assert.equal(last?.rule, 'host.malformed');
      assert.doesNotMatch(lines().join(''), /abc/);
      assert.equal(statSync(path).mode & 0o777, 0o600);
    } finally {
      await server.stop();
    }
  });

  it('leaves whole lines behind when it is killed, and goes on with them', async () => {
    const first = await start();
    try {
      const processes = [first.program.pid, ...childrenOf(first.program.pid)];
      for (let number = 0; number < 4; number++) await first.ask(malformed(number));
      // It dies while it writes what these leave.
      const flood = Array.from({ length: 40 }, (_, number) => first.ask(malformed(number)));
      await Promise.race(flood);
      first.program.signal('SIGKILL');
      await Promise.allSettled(flood);
      await gone(processes);
    } finally {
      await first.stop();
    }
    assert.ok(lines().length >= 4);
    const torn = lines().filter((line) => !isRecord(line));
    assert.ok(torn.length <= 2, `${torn.length} of ${lines().length}: one of an edge at most`);
    const before = lines().length;
    const second = await start();
    try {
      await second.ask(malformed(1));
      second.program.signal('SIGTERM');
      await second.program.exited;
      assert.equal(lines().length, before + 1);
      assert.ok(isRecord(lines().at(-1) ?? ''));
    } finally {
      await second.stop();
    }
  });

  it('serves on where nothing can be written any more', async () => {
    const server = await start();
    try {
      rmSync(folder, { recursive: true });
      assert.match(await server.ask(malformed(1)), /^HTTP\/1\.1 400 /);
      await server.program.logged(/\[ERROR\] Refused requests cannot be recorded and are lost: ENOENT/);
      assert.match(await server.ask(get('/declared')), /^HTTP\/1\.1 200 /);
    } finally {
      await server.stop();
    }
    folder = mkdtempSync(join(tmpdir(), 'record-end-to-end-'));
  });

  it('does not start where the file is a link', async () => {
    symlinkSync('/etc/hostname', path);
    const { code, stderr } = await runProgram(['-b', '127.0.0.1:0', '--record', path, 'examples/hello.js']);
    assert.equal(code, 2);
    assert.match(stderr, /^portcullis: flag --record: requests cannot be recorded in .*: it is a symbolic link\.\n$/);
  });
});

function isRecord(line: string): boolean {
  try {
    return typeof (JSON.parse(line) as { readonly request?: unknown }).request === 'string';
  } catch {
    return false;
  }
}
