import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { within } from '../support/deadline.ts';
import { KeepAliveClient } from '../support/keep-alive-client.ts';
import { type Program, startProgram } from '../support/program.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { get } from './server.ts';

const app = fileURLToPath(new URL('fixtures/noisy-app.js', import.meta.url));
const isRoot = process.geteuid?.() === 0;

let folder = '';
let program: Program;
let port = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logs-test-'));
});
afterEach(async () => {
  await program.stop();
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);

/** The start is told by the error log, wherever that is. */
async function start(flags: readonly string[], log: () => string = () => program.stderr): Promise<void> {
  program = startProgram(['-b', '127.0.0.1:0', ...flags, app]);
  port = Number((await found(log, /Listening at: http:\/\/\S*?:(\d+)/))[1]);
  const client = await KeepAliveClient.connect(port);
  assert.equal((await client.ask(get('/first'))).status, 200);
  client.destroy();
}

function textOf(name: string): string {
  try {
    return readFileSync(at(name), 'latin1');
  } catch {
    return '';
  }
}

async function found(log: () => string, pattern: RegExp): Promise<RegExpExecArray> {
  const looking = (async () => {
    for (;;) {
      const match = pattern.exec(log());
      if (match !== null) return match;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  return within(30_000, looking, () => `no ${pattern} in:\n${log()}\n${program.stderr}`);
}

async function end(): Promise<void> {
  program.signal('SIGTERM');
  const { code } = await within(30_000, program.exited, () => program.stderr);
  assert.equal(code, 0, program.stderr);
}

/** So many requests on each of four connections, one after the other; all answered. */
async function load(name: string, count: number, between: (index: number) => void = () => {}): Promise<void> {
  await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (connection) => {
      const client = await KeepAliveClient.connect(port);
      for (let index = 0; index < count; index += 1) {
        assert.equal((await client.ask(get(`/${name}-${connection}-${index}`))).status, 200);
        if (connection === 'a') between(index);
      }
      client.destroy();
    }),
  );
}

describe('the access log', () => {
  it('loses and tears no line while its file is renamed under load and opened anew', async () => {
    await start(['--edges', '2', '--access-logfile', at('access.log')]);
    let rotated = 0;
    await load('x', 300, (index) => {
      if (index % 60 !== 30) return;
      rotated += 1;
      renameSync(at('access.log'), at(`access.log.${rotated}`));
      program.signal('SIGUSR1');
    });
    await end();
    const names = readdirSync(folder);
    assert.equal(names.length, rotated + 1);
    const lines = names.flatMap((name) => textOf(name).split('\n').slice(0, -1));
    for (const line of lines)
      assert.match(line, /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/\S+ HTTP\/1\.1" 200 \d+ "-" "-"$/);
    const targets = lines.map((line) => / \/(x\S+) /.exec(line)?.[1]).filter((target) => target !== undefined);
    assert.equal(targets.length, 1200);
    assert.equal(new Set(targets).size, 1200);
    assert.doesNotMatch(program.stderr, /lost|ERROR/);
  });

  it('goes to standard output, refused requests with their rule', async () => {
    await start(['--access-logfile', '-', '--access-logformat', '%(m)s %(U)s %(s)s %(rule)s %(p)s']);
    await exchangeRaw(port, 'GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await exchangeRaw(port, 'nonsense\x1b[2J\r\n\r\n');
    program.signal('SIGTERM');
    const { stdout } = await within(30_000, program.exited, () => program.stderr);
    assert.match(
      stdout,
      /^GET \/first 200 - <\d+>\nGET \/%00 400 target\.malformed -\n- - 400 request-line\.malformed -\n$/,
    );
  });

  it('tells in JSON where the time of a request went', async () => {
    await start(['--access-logfile', at('a'), '--access-logformat', 'json']);
    await end();
    const line = JSON.parse(textOf('a')) as Record<string, unknown>;
    assert.deepEqual([line['target'], line['status'], line['cut']], ['/first', 200, false]);
    const phases = ['receive_ms', 'queue_ms', 'app_ms', 'send_ms'].map((name) => Number(line[name]));
    const sum = phases.reduce((left, right) => left + right, 0);
    assert.ok(Math.abs(sum - Number(line['total_ms'])) < 0.01, JSON.stringify(line));
    assert.ok(Number(line['worker_rss']) > 10 * 1024 * 1024);
  });

  it('costs lines and no request where the disk is full', {
    skip: isRoot ? false : 'mounting takes root',
  }, async () => {
    mkdirSync(at('disk'));
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at('disk')]).status, 0);
    try {
      writeFileSync(at('disk/ballast'), Buffer.alloc(48 * 1024));
      await start(['--access-logfile', at('disk/log'), '--access-logformat', '%(U)s']);
      await load('full-of-a-rather-long-name-that-fills-the-disk', 300);
      await program.logged(/\[ERROR\] Lines of the access log are lost: ENOSPC/);
      rmSync(at('disk/ballast'));
      await load('after', 1);
      await program.logged(/\[WARNING\] The access log goes on; \d+ lines were lost: ENOSPC/);
      await end();
      const lines = textOf('disk/log').split('\n').slice(0, -1);
      const lost = Number(/^# \S+ (\d+) lines were lost here: ENOSPC$/m.exec(lines.join('\n'))?.[1]);
      const whole = lines.filter((line) => /^\/(full\S+-[a-d]-\d+|after-[a-d]-0|first)$/.test(line)).length;
      assert.ok(whole + lost >= 1205 && whole + lost <= 1206, `${whole} written, ${lost} lost`);
      assert.deepEqual(lines.slice(-4).sort(), ['/after-a-0', '/after-b-0', '/after-c-0', '/after-d-0']);
    } finally {
      await program.stop();
      spawnSync('umount', [at('disk')]);
    }
  });
});

describe('the error log in a file', () => {
  it('has what every process says, and what the application prints, to the last word', async () => {
    await start(['--error-logfile', at('e.log')], () => textOf('e.log'));
    await exchangeRaw(port, 'nonsense\r\n\r\n');
    const client = await KeepAliveClient.connect(port);
    await client.ask(get('/print'));
    await client.ask(get('/errors'));
    client.destroy();
    await exchangeRaw(port, get('/die', 'Connection: close\r\n'));
    await found(() => textOf('e.log'), /last words[\s\S]*Booting worker/);
    await end();
    const log = textOf('e.log');
    assert.match(log, /^\[.*\] \[WARNING\] Refused 127\.0\.0\.1: request-line\.malformed/m);
    assert.match(log, /^printed\n\x1b\[1mas it is$/m);
    assert.match(log, /^\[.*\] \[ERROR\] .*: through wsgi\.errors$/m);
    assert.match(log, /^last words$/m);
    assert.match(log, /Shutting down: Master\n$/);
    assert.equal(program.stderr, '');
  });

  it('is opened anew by USR1', async () => {
    await start(['--log-file', at('e.log')], () => textOf('e.log'));
    renameSync(at('e.log'), at('e.log.1'));
    program.signal('SIGUSR1');
    await found(() => textOf('e.log.1') + textOf('e.log'), /Handling signal: usr1/);
    await end();
    assert.match(textOf('e.log'), /Handling signal: term[\s\S]*Shutting down: Master\n$/);
  });

  it('does not stop the server for an application that floods it', async () => {
    await start(['--error-logfile', at('e.log')], () => textOf('e.log'));
    const client = await KeepAliveClient.connect(port);
    for (let count = 0; count < 3; count += 1) assert.equal((await client.ask(get('/flood'))).status, 200);
    assert.equal((await client.ask(get('/still-there'))).status, 200);
    client.destroy();
    await end();
    assert.match(textOf('e.log'), /Handling signal: term/);
  });

  it('is JSON, line by line, also of what the application prints', async () => {
    await start(['--error-logfile', at('e.log'), '--error-logformat', 'json'], () => textOf('e.log'));
    const client = await KeepAliveClient.connect(port);
    await client.ask(get('/print'));
    client.destroy();
    await found(() => textOf('e.log'), /as it is/);
    await end();
    const lines = textOf('e.log').trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const event of events) assert.deepEqual(Object.keys(event).slice(0, 4), ['time', 'pid', 'level', 'message']);
    assert.ok(events.some(({ level, message }) => level === 'error' && message === '\x1b[1mas it is'));
    assert.doesNotMatch(textOf('e.log'), /\x1b/);
  });

  it('cannot be started with a file that cannot be opened', async () => {
    program = startProgram(['-b', '127.0.0.1:0', '--error-logfile', at('nowhere/e.log'), app]);
    const { code, stderr } = await within(30_000, program.exited, () => program.stderr);
    assert.deepEqual([code, /its folder does not exist/.test(stderr)], [2, true]);
  });
});

describe('syslog', () => {
  it('has both logs, with the level of each line', async () => {
    const receiver = createSocket('udp4');
    const messages: string[] = [];
    receiver.on('message', (message) => messages.push(message.toString('latin1')));
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const address = `udp://127.0.0.1:${receiver.address().port}`;
    await start([
      '--log-syslog',
      '--log-syslog-to',
      address,
      '--log-syslog-prefix',
      'site',
      '--log-syslog-facility',
      'local0',
    ]);
    await exchangeRaw(port, 'nonsense\r\n\r\n');
    const all = (): string => messages.join('\n');
    await found(
      all,
      /^<134>portcullis\.site\.access: \[\d+\] 127\.0\.0\.1 - - .* "GET \/first HTTP\/1\.1" 200 6 "-" "-"$/m,
    );
    await found(all, /^<132>portcullis\.site\.error: \[\d+\] Refused 127\.0\.0\.1: request-line\.malformed/m);
    await found(all, /^<134>portcullis\.site\.error: \[\d+\] Using worker: node$/m);
    await end();
    receiver.close();
  });
});
