import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openControlChannel } from '../../src/process/control-channel.ts';
import { within } from '../support/deadline.ts';

const fixture = fileURLToPath(new URL('./fixtures/child.ts', import.meta.url));
type Message = { readonly type: string };

/** The master's end of a child: orders out, answers in, and the lifeline to cut. */
class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>;
  readonly control: Duplex;
  readonly lifeline: Duplex;
  #answers: Message[] = [];
  #answered = (): void => {};
  readonly #channel;

  constructor(flags: readonly string[]) {
    this.process = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), ...flags, fixture], {
      stdio: ['ignore', 'inherit', 'pipe', 'pipe', 'pipe'],
    });
    const [, , , control, lifeline] = this.process.stdio;
    assert.ok(control instanceof Duplex && lifeline instanceof Duplex);
    this.control = control;
    this.lifeline = lifeline;
    this.exited = once(this.process, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    this.#channel = openControlChannel<Message, Message>(control, (message) => {
      this.#answers.push(message);
      this.#answered();
    });
  }

  order(type: string): void {
    this.#channel.send({ type });
  }

  async answer(): Promise<string> {
    const arrived = new Promise<void>((resolve) => {
      this.#answered = resolve;
      if (this.#answers.length > 0) resolve();
    });
    await within(30_000, arrived, () => 'no answer from the child');
    return this.#answers.shift()?.type ?? '';
  }

  end(): Promise<[number | null, NodeJS.Signals | null]> {
    return within(5_000, this.exited, () => 'the child is still there');
  }
}

const signals = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;
const kinds = [
  { kind: 'a child', flags: [] },
  { kind: 'a child without code generation', flags: ['--disallow-code-generation-from-strings'] },
];
for (const { kind, flags } of kinds) {
  describe(`${kind} of the master`, () => {
    let child: Child;
    afterEach(async () => {
      child.process.kill('SIGKILL');
      await child.end();
    });
    const start = async (): Promise<void> => {
      child = new Child(flags);
      assert.equal(await child.answer(), 'started');
    };

    it('is killed when the lifeline ends, even while its main thread spins', async () => {
      await start();
      child.order('spin');
      assert.equal(await child.answer(), 'spinning');
      child.lifeline.destroy();
      assert.deepEqual(await child.end(), [null, 'SIGKILL']);
    });

    it('ends with status 1 where the master sends what is no message', async () => {
      await start();
      child.process.stderr?.resume();
      child.control.write('no message\n');
      assert.deepEqual(await child.end(), [1, null]);
    });

    it('exits when the control channel ends', async () => {
      await start();
      child.control.end();
      assert.deepEqual(await child.end(), [0, null]);
    });

    it('can exit with a status of its own: the watchdog does not hold it', async () => {
      await start();
      child.order('exit');
      assert.deepEqual(await child.end(), [7, null]);
    });

    it('survives the signals that a terminal or service manager sends to the whole group', async () => {
      await start();
      for (const signal of signals) child.process.kill(signal);
      child.order('echo');
      assert.equal(await child.answer(), 'echo');
    });

    it('opens no debugger port on SIGUSR1', async () => {
      await start();
      const { pid } = child.process;
      let said = '';
      child.process.stderr?.on('data', (text) => {
        said += text;
      });
      child.process.kill('SIGUSR1');
      for (let round = 0; round < 20; round += 1) {
        child.order('echo');
        assert.equal(await child.answer(), 'echo');
      }
      assert.deepEqual(listening(pid), []);
      assert.equal(said, '');
    });

    it(`${flags.length === 0 ? 'may' : 'may not'} make code from strings`, async () => {
      await start();
      child.order('code-from-string');
      assert.equal(await child.answer(), flags.length === 0 ? 'allowed' : 'forbidden');
    });
  });
}

/** Inodes of the TCP sockets on which a process listens. */
function listening(pid: number | undefined): readonly string[] {
  const tables = ['tcp', 'tcp6'].map((name) => readFileSync(`/proc/${pid}/net/${name}`, 'latin1'));
  const inodes = tables.flatMap((table) =>
    table.split('\n').flatMap((line) => {
      const columns = line.trim().split(/\s+/);
      return columns[3] === '0A' && columns[9] !== undefined ? [`socket:[${columns[9]}]`] : [];
    }),
  );
  return readdirSync(`/proc/${pid}/fd`)
    .map(target(pid))
    .filter((name) => inodes.includes(name));
}

/** What a descriptor is; the process may close it meanwhile. */
function target(pid: number | undefined): (descriptor: string) => string {
  return (descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      return '';
    }
  };
}
