import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type ControlChannel, openControlChannel } from '../../src/process/control-channel.ts';
import type { ChildFailed, MasterToWorker, WorkerToMaster } from '../../src/process/control-messages.ts';
import type { Invitation } from '../../src/upstream/node-invitation.ts';
import { within } from '../support/deadline.ts';

const source = fileURLToPath(new URL('../../src/worker/worker.ts', import.meta.url));

const fromSource = ['--import', import.meta.resolve('tsx'), source];

export type WorkerExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A real worker process, and its master's end of it. Ends with the test: its lifeline is our descriptor. */
export class WorkerProcess {
  readonly process: ChildProcess;
  readonly exited: Promise<WorkerExit>;
  stderr = '';
  stdout = '';
  failure: ChildFailed | null = null;
  readonly #channel: ControlChannel<MasterToWorker>;
  readonly #changed = new Set<() => void>();
  #isStarted = false;
  #hasEnded = false;

  /** `command` is what follows `node`; left out, the worker as it is in src. */
  constructor(path: string, name: string | null = null, command: readonly string[] = fromSource) {
    this.process = spawn(process.execPath, command, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    const [, , , control, lifeline] = this.process.stdio;
    assert.ok(control instanceof Duplex && lifeline instanceof Duplex);
    lifeline.on('error', () => {});
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#change();
    });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#change();
    });
    this.exited = once(this.process, 'close').then(([code, signal]) => {
      this.#hasEnded = true;
      this.#change();
      return { code, signal };
    });
    this.#channel = openControlChannel<WorkerToMaster, MasterToWorker>(control, (message) => {
      if (message.type === 'started') this.#isStarted = true;
      else if (message.type === 'failed') this.failure = message;
      this.#change();
    });
    this.send({
      type: 'start',
      app: { kind: 'javascript', path, name },
      logLevel: 'debug',
      errorLogFormat: 'text',
      maxRequests: 0,
      tellsFiles: false,
      hooks: null,
    });
  }

  get pid(): number {
    assert.ok(this.process.pid !== undefined, 'the worker did not start');
    return this.process.pid;
  }

  send(message: MasterToWorker): void {
    this.#channel.send(message);
  }

  connect(invitation: Invitation): void {
    this.send({ type: 'connect', ...invitation });
  }

  /** The application is loaded. */
  async started(): Promise<this> {
    await this.#until(() => this.#isStarted, 'did not start');
    return this;
  }

  /** Waits for a match in standard error. */
  logged(pattern: RegExp): Promise<void> {
    return this.#until(() => pattern.test(this.stderr), `logged no ${pattern}`);
  }

  exit(): Promise<WorkerExit> {
    return within(30_000, this.exited, () => `the worker is still there:\n${this.stderr}`);
  }

  /** For `after`: ends it whatever its state. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) this.process.kill('SIGKILL');
    await this.exit();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const held = new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (holds()) resolve();
        else if (this.#hasEnded) reject(new Error(`the worker ended and ${what}:\n${this.stderr}`));
        else return;
        this.#changed.delete(check);
      };
      this.#changed.add(check);
      check();
    });
    await within(30_000, held, () => `the worker ${what}:\n${this.stderr}`);
  }

  #change(): void {
    for (const check of [...this.#changed]) check();
  }
}
