import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { type ControlChannel, openControlChannel } from '../process/control-channel.ts';
import type { ChildFailed, Ping, Pong } from '../process/control-messages.ts';
import type { Identity } from '../process/identity.ts';
import type { ErrorOutput } from './error-output.ts';
import type { WatchedChild } from './heartbeat.ts';
import { requestStack } from './stack-request.ts';

/** A child as its master sees it. */
export type ChildState = 'booting' | 'serving' | 'draining' | 'stopping' | 'gone';
type ChildInput = 'started' | 'drain' | 'stop' | 'exit';

const transitions: Readonly<Record<ChildState, Readonly<Partial<Record<ChildInput, ChildState>>>>> = {
  booting: { started: 'serving', drain: 'draining', stop: 'stopping', exit: 'gone' },
  serving: { drain: 'draining', stop: 'stopping', exit: 'gone' },
  draining: { started: 'draining', drain: 'draining', stop: 'stopping', exit: 'gone' },
  stopping: { started: 'stopping', drain: 'stopping', stop: 'stopping', exit: 'gone' },
  gone: { drain: 'gone', stop: 'gone' },
};

/** What runs an entry. */
export type Runtime =
  | { readonly kind: 'node'; readonly flags: readonly string[] }
  | { readonly kind: 'python'; readonly interpreter: string };

export type ChildCommand = {
  readonly entry: string;
  readonly runtime: Runtime;
  /** What `ps` shows (`titleArgument`). */
  readonly title: string;
  /** Whom the child becomes before it does anything; null: it is as we are. */
  readonly identity: Identity | null;
  /** Removed by the child when the master was killed; null: it has no part in that. */
  readonly privateDirectory: string | null;
  readonly environment: NodeJS.ProcessEnv;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Become descriptors 5, 6, ... of the child. */
  readonly descriptors: readonly number[];
  /** Where its standard error goes; absent: to ours. */
  readonly errorOutput?: ErrorOutput | null;
  /** From its start to `started`; 0: no deadline. */
  readonly bootMs: number;
};

export type ChildExit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What the child said of itself before it ended. */
  readonly failure: ChildFailed | null;
  /** Why the master killed it, where it did. */
  readonly killedBecause: string | null;
  readonly stateBefore: ChildState;
  readonly livedMs: number;
};

export type ChildEvents<In> = {
  serving(): void;
  received(message: In): void;
  /** Exactly once, after everything the child had sent was received. */
  gone(exit: ChildExit): void;
};

/** Between `stop` and SIGKILL. */
export const stopMs = 1_000;

type Started = { readonly type: 'started' };
type Order = { readonly type: 'drain' } | { readonly type: 'stop' } | Ping;

/** One child process: its states, its control channel, its lifeline and the deadline of each state that waits. */
export class ChildHandle<In extends { readonly type: string }, Out extends { readonly type: string }>
  implements WatchedChild
{
  readonly #process: ChildProcess | undefined;
  readonly #channel: ControlChannel<Out | Order> | undefined;
  readonly #lifeline: Duplex | undefined;
  readonly #events: ChildEvents<In>;
  readonly #bornAt = performance.now();
  #state: ChildState = 'booting';
  #deadline: NodeJS.Timeout | undefined;
  #failure: ChildFailed | null = null;
  #killedBecause: string | null = null;
  #signDueSince: number | null = null;

  constructor(command: ChildCommand, events: ChildEvents<In>) {
    this.#events = events;
    let child: ChildProcess;
    try {
      child = spawnChild(command);
    } catch (error) {
      // Out of memory or of processes: a restart later may do better.
      setImmediate(() => this.#gone(null, null, `could not be started: ${String(error)}`));
      return;
    }
    this.#process = child;
    child.on('error', (error) => {
      if (child.pid === undefined) this.#gone(null, null, `could not be started: ${error.message}`);
    });
    if (child.stderr !== null && child.pid !== undefined) command.errorOutput?.relay(child.pid, child.stderr);
    const [, , , control, lifeline] = child.stdio ?? [];
    if (!(control instanceof Duplex && lifeline instanceof Duplex)) return;
    lifeline.on('error', () => {});
    this.#lifeline = lifeline;
    const channel = openControlChannel<In | Started | ChildFailed | Pong, Out | Order>(control, (message) =>
      this.#receive(message),
    );
    this.#channel = channel;
    const channelClosed = new Promise<void>((resolve) => {
      channel.onClose((error) => {
        if (error !== null) this.kill(`broke the control protocol: ${error.message}`);
        else this.#killAfter(stopMs, 'closed its control channel and did not end');
        resolve();
      });
    });
    child.on('exit', (code, signal) => void channelClosed.then(() => this.#gone(code, signal, null)));
    if (command.bootMs > 0) this.#killAfter(command.bootMs, `was not ready within ${command.bootMs / 1000} s`);
  }

  /** Undefined where the process could not be started at all. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get state(): ChildState {
    return this.#state;
  }

  /** Since its start. */
  get livedMs(): number {
    return performance.now() - this.#bornAt;
  }

  send(message: Out): void {
    this.#channel?.send(message);
  }

  /** Asks it to finish what runs and end; kills it after `milliseconds`. */
  drain(milliseconds: number): void {
    if (this.#enter('drain') !== 'draining') return;
    this.#channel?.send({ type: 'drain' });
    this.#killAfter(milliseconds, `did not finish within ${milliseconds / 1000} s`);
  }

  /** Asks it to end now; kills it where it does not. */
  stop(): void {
    if (this.#enter('stop') !== 'stopping') return;
    this.#channel?.send({ type: 'stop' });
    this.#killAfter(stopMs, 'did not stop');
  }

  get signDueSince(): number | null {
    return this.#signDueSince;
  }

  askForSign(workerMs: number): void {
    if (this.#signDueSince !== null) return;
    this.#signDueSince = performance.now();
    this.#channel?.send({ type: 'ping', workerMs });
  }

  waitAnew(): void {
    if (this.#signDueSince !== null) this.#signDueSince = performance.now();
  }

  async stack(milliseconds: number): Promise<string | null> {
    return this.#lifeline === undefined ? null : requestStack(this.#lifeline, milliseconds);
  }

  kill(reason: string): void {
    if (this.#state === 'gone') return;
    this.#killedBecause ??= reason;
    this.#process?.kill('SIGKILL');
  }

  #receive(message: In | Started | ChildFailed | Pong): void {
    this.#signDueSince = null;
    if (message.type === 'pong') return;
    if (isStarted(message)) {
      // A child that says it twice is broken, and its mistake must not become ours.
      if (this.#state === 'serving') return this.kill('reported twice that it started');
      if (this.#enter('started') !== 'serving') return;
      clearTimeout(this.#deadline);
      this.#events.serving();
    } else if (isFailure(message)) {
      this.#failure ??= message;
      this.#killAfter(stopMs, 'failed and did not end');
    } else {
      this.#events.received(message as In);
    }
  }

  #enter(input: ChildInput): ChildState {
    const next = transitions[this.#state][input];
    if (next === undefined) throw new Error(`no transition from ${this.#state} on ${input}`);
    this.#state = next;
    return next;
  }

  #killAfter(milliseconds: number, reason: string): void {
    clearTimeout(this.#deadline);
    if (this.#state === 'gone') return;
    this.#deadline = setTimeout(() => this.kill(reason), milliseconds);
  }

  #gone(code: number | null, signal: NodeJS.Signals | null, failedToStart: string | null): void {
    clearTimeout(this.#deadline);
    if (this.#state === 'gone') return;
    const stateBefore = this.#state;
    this.#enter('exit');
    this.#events.gone({
      code,
      signal,
      failure: this.#failure,
      killedBecause: this.#killedBecause ?? failedToStart,
      stateBefore,
      livedMs: this.livedMs,
    });
  }
}

function spawnChild(command: ChildCommand): ChildProcess {
  const { entry, runtime, title, environment, descriptors, privateDirectory, identity } = command;
  const orders = [privateDirectory ?? '', identity === null ? '' : JSON.stringify(identity)];
  const isNode = runtime.kind === 'node';
  const [file, words] = isNode
    ? [process.execPath, [...runtime.flags, entry, ...orders]]
    : [runtime.interpreter, [entry, ...orders, title]];
  return spawn(file, words, {
    // Python finds its virtual environment by it.
    ...(isNode ? { argv0: title } : {}),
    // 3: control channel, 4: lifeline, which only has to stay open for as long as we live.
    stdio: ['ignore', 'inherit', command.errorOutput == null ? 'inherit' : 'pipe', 'pipe', 'pipe', ...descriptors],
    env: environment,
    cwd: command.workingDirectory,
  });
}

function isStarted(message: { readonly type: string }): message is Started {
  return message.type === 'started';
}

/** Checked field by field: its exit code becomes ours and its message goes to the log. */
function isFailure(message: { readonly type: string }): message is ChildFailed {
  return (
    message.type === 'failed' &&
    'message' in message &&
    typeof message.message === 'string' &&
    'exitCode' in message &&
    Number.isInteger(message.exitCode) &&
    Number(message.exitCode) >= 1 &&
    Number(message.exitCode) <= 255
  );
}
