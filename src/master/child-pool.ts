import type { Log } from '../telemetry/error-log.ts';
import { type BootFailure, bootFailure, describeEnd, logFailure } from './child-end.ts';
import type { ChildExit, ChildState } from './child-handle.ts';
import { createRestartBackoff, defaultPace, type RestartBackoff, type RestartPace } from './restart-backoff.ts';

/** What a pool needs of its children: worker and edge handles have it. */
export interface PoolChild {
  readonly pid: number | undefined;
  readonly state: ChildState;
  drain(milliseconds: number): void;
  stop(): void;
  kill(reason: string): void;
}

/** What a child tells its pool. */
export type PoolChildEvents = { serving(): void; gone(exit: ChildExit): void };

export type PoolOptions<Child extends PoolChild> = {
  /** As log lines name a child: `Worker`. */
  readonly name: string;
  readonly start: (events: PoolChildEvents) => Child;
  /** Exit status where a child ends during the first boot without a word. */
  readonly bootExitCode: number;
  readonly log: Log;
  readonly pace?: RestartPace;
};

export type PoolEvents<Child extends PoolChild> = {
  /** A child is ready: at the first boot and after every replacement. */
  serving(child: Child): void;
  /** Every child of the first boot is ready. */
  booted(): void;
  /** Once at most, and never after `booted`. */
  bootFailed(failure: BootFailure): void;
};

type Slot<Child> = {
  child: Child | undefined;
  /** Its child is the last one. */
  isLeaving: boolean;
  /** A child that dies in a slot that has served before is replaced; the first one fails the boot. */
  hasServed: boolean;
  restart: NodeJS.Timeout | undefined;
  readonly backoff: RestartBackoff;
};

/** Keeps so many children of one kind alive: a dead one is replaced, after a back-off where it keeps dying. */
export class ChildPool<Child extends PoolChild> {
  /** Resolves after `drain`, `stop` or `kill`, once no child is left. */
  readonly ended: Promise<void>;
  readonly #resolveEnded: () => void;
  readonly #options: PoolOptions<Child>;
  readonly #events: PoolEvents<Child>;
  readonly #slots = new Set<Slot<Child>>();
  #phase: 'booting' | 'keeping' | 'ending' | 'ended' = 'booting';

  constructor(options: PoolOptions<Child>, events: PoolEvents<Child>) {
    this.#options = options;
    this.#events = events;
    let resolveEnded = (): void => {};
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve;
    });
    this.#resolveEnded = resolveEnded;
  }

  /** Children that are ready for work. */
  get serving(): readonly Child[] {
    return this.#children().filter((child) => child.state === 'serving');
  }

  /** Those too that boot: whoever is not on the way out. */
  get staying(): readonly Child[] {
    return this.#children().filter(({ state }) => state === 'booting' || state === 'serving');
  }

  /** Those on the way out too. */
  get living(): readonly Child[] {
    return this.#children();
  }

  start(size: number): void {
    while (this.#slots.size < size && this.#phase === 'booting') this.#addSlot();
  }

  /** One child more or less (signals TTIN and TTOU); the newest leaves, after what it runs. */
  grow(): void {
    if (this.#phase === 'keeping') this.#addSlot();
  }

  /** So many children, at least one. */
  resize(size: number, drainMs: number): void {
    for (let more = size - this.#kept.length; more > 0; more -= 1) this.grow();
    for (let fewer = this.#kept.length - size; fewer > 0; fewer -= 1) this.shrink(drainMs);
  }

  shrink(drainMs: number): void {
    const kept = this.#kept;
    const newest = kept.at(-1);
    if (this.#phase !== 'keeping' || kept.length < 2 || newest === undefined) return;
    newest.isLeaving = true;
    clearTimeout(newest.restart);
    if (newest.child === undefined) this.#slots.delete(newest);
    else newest.child.drain(drainMs);
  }

  /** No child is replaced any more; each may finish what it runs. One that still boots runs nothing. */
  drain(milliseconds: number): void {
    this.#end((child) => (child.state === 'booting' ? child.stop() : child.drain(milliseconds)));
  }

  stop(): void {
    this.#end((child) => child.stop());
  }

  kill(reason: string): void {
    this.#end((child) => child.kill(reason));
  }

  get #kept(): readonly Slot<Child>[] {
    return [...this.#slots].filter(({ isLeaving }) => !isLeaving);
  }

  #children(): readonly Child[] {
    return [...this.#slots].flatMap(({ child }) => (child === undefined ? [] : [child]));
  }

  #end(how: (child: Child) => void): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ending';
    for (const slot of this.#slots) {
      clearTimeout(slot.restart);
      if (slot.child === undefined) this.#slots.delete(slot);
      else how(slot.child);
    }
    this.#endWhereEmpty();
  }

  #endWhereEmpty(): void {
    if (this.#phase !== 'ending' || this.#slots.size > 0) return;
    this.#phase = 'ended';
    this.#resolveEnded();
  }

  #addSlot(): void {
    const slot: Slot<Child> = {
      child: undefined,
      isLeaving: false,
      hasServed: false,
      restart: undefined,
      backoff: createRestartBackoff(this.#options.pace ?? defaultPace),
    };
    this.#slots.add(slot);
    this.#startChild(slot);
  }

  #startChild(slot: Slot<Child>): void {
    const child = this.#options.start({
      serving: () => this.#serving(slot, child),
      gone: (exit) => this.#gone(slot, child, exit),
    });
    slot.child = child;
  }

  #serving(slot: Slot<Child>, child: Child): void {
    slot.hasServed = true;
    this.#events.serving(child);
    if (this.#phase === 'booting' && [...this.#slots].every(({ hasServed }) => hasServed)) {
      this.#phase = 'keeping';
      this.#events.booted();
    }
  }

  #gone(slot: Slot<Child>, child: Child, exit: ChildExit): void {
    const { name, log, bootExitCode } = this.#options;
    slot.child = undefined;
    if (this.#phase === 'ending' || slot.isLeaving) {
      if (exit.killedBecause !== null) log.warning(`${describeEnd(name, child.pid, exit)}: killed`);
      else if (exit.failure === null && exit.code !== 0) log.error(describeEnd(name, child.pid, exit));
      this.#slots.delete(slot);
      this.#endWhereEmpty();
    } else if (this.#phase === 'booting' && !slot.hasServed) {
      this.#events.bootFailed(bootFailure(name, child.pid, exit, bootExitCode));
    } else {
      if (exit.failure !== null) logFailure(log, exit.failure);
      log.error(describeEnd(name, child.pid, exit));
      const waitMs = slot.backoff.waitAfter(exit.livedMs);
      if (waitMs > 0) log.debug(`${name} is started again in ${waitMs} ms`);
      slot.restart = setTimeout(() => this.#startChild(slot), waitMs);
    }
  }
}
