import { heartbeatMs } from '../policy/silence.ts';
import type { ChildState } from './child-handle.ts';

/** A process whose main thread has to give signs of life. */
export interface WatchedChild {
  readonly pid: number | undefined;
  readonly state: ChildState;
  /** Since when a sign of life is due; null: none is. */
  readonly signDueSince: number | null;
  askForSign(workerMs: number): void;
  /** A sign that is due is waited for from now on. */
  waitAnew(): void;
  /** Where its main thread is, one call a line; null where it does not say so in time. */
  stack(milliseconds: number): Promise<string | null>;
  kill(reason: string): void;
}

export interface HeartbeatOwner<Child> {
  readonly watched: readonly Child[];
  /** `timeouts.worker` as it is in force; 0: nobody is watched. */
  readonly workerMs: number;
  /** Once for each. It has not answered for at least `workerMs`. */
  silent(child: Child, silentMs: number): void;
}

/** While nobody is watched: a new policy may change that. */
const idleMs = 5_000;

/**
 * Asks the processes again and again whether their event loops turn. Silence is counted from a question
 * without an answer, so no loop is found silent that was blocked for less than the time-out; and only while this process itself
 * runs: after SIGSTOP or on a machine that was suspended, timers fire before the answers are read that came meanwhile, and
 * everybody gets the whole time once more.
 */
export class Heartbeat<Child extends { readonly watched: WatchedChild }> {
  readonly #owner: HeartbeatOwner<Child>;
  readonly #found = new WeakSet<Child>();
  #timer: NodeJS.Timeout | undefined;

  constructor(owner: HeartbeatOwner<Child>) {
    this.#owner = owner;
  }

  start(): void {
    const { workerMs } = this.#owner;
    const periodMs = workerMs === 0 ? idleMs : heartbeatMs(workerMs);
    const setAt = performance.now();
    this.#timer = setTimeout(() => {
      const isLate = performance.now() - setAt > 2 * periodMs;
      for (const { watched } of this.#living) {
        if (isLate) watched.waitAnew();
      }
      // What waits in the control channels is read first.
      setImmediate(() => this.#look());
      this.start();
    }, periodMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const { workerMs } = this.#owner;
    if (workerMs === 0) return;
    const now = performance.now();
    for (const child of this.#living) {
      const { signDueSince } = child.watched;
      if (signDueSince === null) {
        child.watched.askForSign(workerMs);
      } else if (now - signDueSince >= workerMs) {
        this.#found.add(child);
        this.#owner.silent(child, now - signDueSince);
      }
    }
  }

  /** One that boots has another deadline. */
  get #living(): readonly Child[] {
    return this.#owner.watched.filter((child) => {
      const { state } = child.watched;
      return (state === 'serving' || state === 'draining') && !this.#found.has(child);
    });
  }
}
