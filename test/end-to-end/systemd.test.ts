import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { within } from '../support/deadline.ts';
import { childrenOf, gone, type Program, root, startProgram } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';
import { get } from './server.ts';

const app = fileURLToPath(new URL('fixtures/who-am-i.js', import.meta.url));

/** The end of systemd: every message to it, in its order. */
class Manager {
  readonly socket: string;
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #messages: AsyncIterator<string>;

  constructor(folder: string) {
    this.socket = join(folder, 'notify');
    const program = join(root, 'test/support/service-manager.py');
    this.#process = spawn('/usr/bin/python3', [program, this.socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.ok(this.#process.stdout !== null);
    this.#lines = createInterface(this.#process.stdout);
    this.#messages = this.#lines[Symbol.asyncIterator]();
  }

  /** The next message that is no barrier and no sign of life, as its assignments. */
  async next(of = /^(?!BARRIER=|WATCHDOG=)/): Promise<readonly string[]> {
    for (;;) {
      const { value, done } = await within(30_000, this.#messages.next(), () => `no message like ${of}`);
      assert.ok(done !== true, 'the service manager ended');
      const message = JSON.parse(value) as string;
      if (of.test(message)) return message.split('\n').filter(Boolean);
    }
  }

  end(): void {
    this.#lines.close();
    this.#process.kill('SIGKILL');
  }
}

/** Empty: it is gone. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

describe('a server under systemd', () => {
  let folder = '';
  let manager: Manager;
  let program: Program | undefined;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'systemd-'));
    manager = new Manager(folder);
    assert.deepEqual(await manager.next(), ['listening']);
  });
  afterEach(async () => {
    await program?.stop();
    manager.end();
    rmSync(folder, { recursive: true });
  });
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Program => {
    program = startProgram([...args, app], { env: { NOTIFY_SOCKET: manager.socket, ...env } });
    return program;
  };

  it('says when it serves, that it reloads and has reloaded, and that it stops', async () => {
    const { pid } = start(['-b', '127.0.0.1:0', '-w', '2']);
    const [ready, main, status] = await manager.next();
    assert.deepEqual([ready, main], ['READY=1', `MAINPID=${pid}`]);
    assert.match(status ?? '', /^STATUS=Serving with 2 workers at http:\/\/127\.0\.0\.1:\d+$/);
    program?.signal('SIGHUP');
    const [reloading, since] = await manager.next();
    assert.equal(reloading, 'RELOADING=1');
    const age = process.hrtime.bigint() / 1000n - BigInt(since?.replace('MONOTONIC_USEC=', '') ?? '');
    assert.ok(age >= 0n && age < 30_000_000n, `${age}`);
    assert.equal((await manager.next())[0], 'READY=1');
    program?.signal('SIGTERM');
    assert.equal((await manager.next())[0], 'STOPPING=1');
    assert.equal((await program?.exited)?.code, 0);
  });

  it('gives its watchdog signs of life', async () => {
    start(['-b', '127.0.0.1:0'], { WATCHDOG_USEC: '400000' });
    for (let count = 0; count < 3; count += 1) assert.deepEqual(await manager.next(/^WATCHDOG=/), ['WATCHDOG=1']);
  });

  it('leaves its watchdog to the program that takes over', async () => {
    program = startProgram(['-b', '127.0.0.1:0', app], {
      env: { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '400000' },
      shell: 'WATCHDOG_PID=$$ exec "$0" "$@"',
    });
    const { pid } = program;
    await manager.next(/^WATCHDOG=/);
    program.signal('SIGUSR2');
    const next = Number((await program.logged(/New master serves \(pid:(\d+)\)/))[1]);
    program.signal('SIGTERM');
    await gone([pid]);
    try {
      // What the old one has said stands before this.
      process.kill(next, 'SIGHUP');
      await manager.next(/^RELOADING=/);
      assert.deepEqual(await manager.next(/^WATCHDOG=/), ['WATCHDOG=1']);
    } finally {
      process.kill(next, 'SIGTERM');
      await gone([next]);
    }
  });

  it('gives none of it to its children', async () => {
    const { pid } = start(['-b', '127.0.0.1:0'], { WATCHDOG_USEC: '60000000' });
    await manager.next();
    // `systemd-notify` may still be there, and has to know.
    const ours = childrenOf(pid).filter((child) => commandOf(child).startsWith('portcullis: '));
    assert.equal(ours.length, 2);
    for (const child of ours) {
      assert.doesNotMatch(readFileSync(`/proc/${child}/environ`, 'latin1'), /NOTIFY_SOCKET|WATCHDOG|LISTEN_/);
    }
  });

  it('says at start where it cannot be heard', async () => {
    await start(['-b', '127.0.0.1:0'], { PATH: folder }).port();
    await program?.logged(
      /\[WARNING\] The service manager is not told how the server is: there is no program systemd-notify\./,
    );
  });
});

describe('a server whose sockets systemd has bound', () => {
  it('serves at them and at no other address', async () => {
    const bound = createServer();
    await new Promise<void>((resolve) => bound.listen(0, '127.0.0.1', resolve));
    const { _handle: handle } = bound as unknown as { readonly _handle: { readonly fd: number } };
    const program = startProgram(['-b', '127.0.0.1:1', app], {
      descriptors: [handle.fd],
      // Whoever starts a program cannot know its number before; a shell can say its own and become it.
      shell: 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"',
    });
    try {
      const port = await program.port();
      const address = bound.address();
      assert.equal(typeof address === 'object' ? address?.port : null, port);
      await new Promise((resolve) => bound.close(resolve));
      const client = await connectRaw(port, { allowHalfOpen: true });
      client.send(get('/'));
      client.socket.end();
      assert.match(await client.receiveAll(), /^HTTP\/1\.1 200 /);
      assert.match(program.stderr, /Sockets of the service manager: 1; bind is not used/);
    } finally {
      await program.stop();
    }
  });
});
