import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type ControlChannel, openControlChannel } from '../../src/process/control-channel.ts';
import type { Invitation } from '../../src/upstream/node-invitation.ts';
import type { PythonWorkerClass } from '../../src/worker/app-target.ts';
import { within } from '../support/deadline.ts';

const source = fileURLToPath(new URL('../../src/worker/worker.py', import.meta.url));
export const fixtures = fileURLToPath(new URL('./fixtures/python/', import.meta.url));

/** The libraries of greenlets are Debian's. */
export function pythonFor(workerClass: PythonWorkerClass | undefined): string {
  return workerClass === 'gevent' || workerClass === 'eventlet' ? '/usr/bin/python3' : 'python3';
}

export type PythonWorkerOptions = {
  readonly module?: string;
  readonly callable?: string;
  readonly workerClass?: PythonWorkerClass;
  readonly connections?: number;
  /** Else the one that has what this class needs. */
  readonly interpreter?: string;
  readonly threads?: number;
  readonly maxRequests?: number;
  readonly tellsFiles?: boolean;
  readonly errorLogFormat?: 'text' | 'json';
  readonly pythonPath?: readonly string[];
  readonly folder?: string;
  /** Nothing is sent: the test does. */
  readonly withoutStart?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly identity?: string;
};

type Message = { readonly type: string; readonly [key: string]: unknown };

/** The real `worker.py`, and its master's end of it. Ends with the test: its lifeline is our descriptor. */
export class PythonWorkerProcess {
  readonly process: ChildProcess;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly messages: Message[] = [];
  readonly lifeline: Duplex;
  stderr = '';
  stdout = '';
  /** What it said on its lifeline. */
  stacks = '';
  readonly #channel: ControlChannel<Message>;
  readonly #changed = new Set<() => void>();
  #hasEnded = false;

  constructor(options: PythonWorkerOptions = {}) {
    this.process = spawn(
      options.interpreter ?? pythonFor(options.workerClass),
      [source, '', options.identity ?? '', 'portcullis: worker [test]'],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
        cwd: options.folder ?? fixtures,
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...options.environment },
      },
    );
    const [, , , control, lifeline] = this.process.stdio;
    assert.ok(control instanceof Duplex && lifeline instanceof Duplex);
    lifeline.on('error', () => {});
    lifeline.setEncoding('utf8').on('data', (text: string) => {
      this.stacks += text;
      this.#change();
    });
    this.lifeline = lifeline;
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
    this.#channel = openControlChannel<Message, Message>(control, (message) => {
      this.messages.push(message);
      this.#change();
    });
    if (options.withoutStart !== true) this.send(startMessage(options));
  }

  get pid(): number {
    assert.ok(this.process.pid !== undefined, 'the worker did not start');
    return this.process.pid;
  }

  send(message: Message): void {
    this.#channel.send(message);
  }

  connect(invitation: Invitation): void {
    this.send({ type: 'connect', ...invitation });
  }

  /** The application is loaded. */
  async started(): Promise<this> {
    await this.said('started');
    return this;
  }

  async said(type: string, count = 1): Promise<Message> {
    let found: Message | undefined;
    await this.until(
      () => {
        found = this.messages.filter((message) => message.type === type)[count - 1];
        return found !== undefined;
      },
      () => `did not say ${type}: ${JSON.stringify(this.messages)}`,
    );
    assert.ok(found !== undefined);
    return found;
  }

  /** Waits for a match in standard error, from `from` on. */
  logged(pattern: RegExp, from = 0): Promise<void> {
    return this.until(
      () => pattern.test(this.stderr.slice(from)),
      () => `logged no ${pattern}`,
    );
  }

  exit(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    return within(30_000, this.exited, () => `the worker is still there:\n${this.stderr}`);
  }

  /** For `after`: ends it whatever its state. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) this.process.kill('SIGKILL');
    await this.exit();
  }

  async until(holds: () => boolean, what: () => string): Promise<void> {
    const held = new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (holds()) resolve();
        else if (this.#hasEnded) reject(new Error(`the worker ended and ${what()}:\n${this.stderr}`));
        else return;
        this.#changed.delete(check);
      };
      this.#changed.add(check);
      check();
    });
    await within(30_000, held, () => `the worker ${what()}:\n${this.stderr}`);
  }

  #change(): void {
    for (const check of [...this.#changed]) check();
  }
}

export function startMessage(options: PythonWorkerOptions): Message {
  return {
    type: 'start',
    app: { kind: 'python', module: options.module ?? 'apps', callable: options.callable ?? 'application' },
    logLevel: 'debug',
    errorLogFormat: options.errorLogFormat ?? 'text',
    maxRequests: options.maxRequests ?? 0,
    tellsFiles: options.tellsFiles ?? false,
    hooks: null,
    python: {
      workerClass: options.workerClass ?? 'sync',
      threads: options.threads ?? 4,
      connections: options.connections ?? 1000,
      multiprocess: true,
      pythonPath: options.pythonPath ?? [],
    },
  };
}
