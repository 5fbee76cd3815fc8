import type { Log } from '../telemetry/error-log.ts';
import { type BootFailure, bootFailure, describeEnd, logFailure } from './child-end.ts';
import type { ChildExit, ChildState } from './child-handle.ts';
import { createRestartBackoff, defaultPace, type RestartBackoff, type RestartPace } from './restart-backoff.ts';

/** What a pool needs of its children: worker and edge handles have it. */
export interface PoolChild {
  readonly pid: number | undefined;
  readonly state: ChildState;
  /** Since its start. */
  readonly livedMs: number;
  drain(milliseconds: number): void;
  stop(): void;
  kill(reason: string): void;
}

/** What a child tells its pool. */
export type PoolChildEvents = { serving(): void; gone(exit: ChildExit): void };

export type StartChild<Child> = (events: PoolChildEvents) => Child;

export type PoolOptions<Child extends PoolChild> = {
  /** As log lines name a child: `Worker`. */
  readonly name: string;
  readonly start: StartChild<Child>;
  /** Exit status where a child ends during the first boot without a word. */
  readonly bootExitCode: number;
  /**
   * A child serves as soon as it is ready, also while those that come with it are not: edges have clients by then. Others wait
   * for each other, so that where one fails none of them has done anything.
   */
  readonly servesAtOnce: boolean;
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

/** `none`: nobody had to be replaced, or the pool ends. */
export type Renewal = 'done' | 'none' | BootFailure;

/**
 * `coming`: it takes the place of others once all that come with it are ready. `kept`: a child that dies in it is replaced.
 * `leaving`: its child is the last one.
 */
type SlotState = 'coming' | 'kept' | 'leaving';

type Slot<Child> = {
  state: SlotState;
  readonly start: StartChild<Child>;
  child: Child | undefined;
  /** Once its child has served, the death of one is no failed boot. */
  hasServed: boolean;
  restart: NodeJS.Timeout | undefined;
  readonly backoff: RestartBackoff;
};

/** Children that are about to take the place of others. */
type Change<Child> = {
  readonly coming: readonly Slot<Child>[];
  /** Asked when they are ready. Null: whose place they were to take has left. */
  readonly leaving: () => readonly Slot<Child>[] | null;
  /** Asked when they are ready: so many more than come, or fewer, were asked for meanwhile. */
  readonly more: () => number;
  readonly drainMs: number;
  readonly resolve: (renewal: Renewal) => void;
};

/**
 * Keeps so many children of one kind alive: a dead one is replaced, after a back-off where it keeps dying. Others can take
 * their place: those are all ready before the first of the old ones is asked to leave.
 */
export class ChildPool<Child extends PoolChild> {
  /** Resolves after `drain`, `stop` or `kill`, once no child is left. */
  readonly ended: Promise<void>;
  readonly #resolveEnded: () => void;
  readonly #options: PoolOptions<Child>;
  readonly #events: PoolEvents<Child>;
  readonly #slots = new Set<Slot<Child>>();
  #start: StartChild<Child>;
  #phase: 'booting' | 'keeping' | 'ending' | 'ended' = 'booting';
  #change: Change<Child> | undefined;
  /** By `grow` and `shrink` since the start, less the one than the other. */
  #grownBy = 0;
  /** Changes come one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve();
  #emptied: (() => void)[] = [];

  constructor(options: PoolOptions<Child>, events: PoolEvents<Child>) {
    this.#options = options;
    this.#events = events;
    this.#start = options.start;
    let resolveEnded = (): void => {};
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve;
    });
    this.#resolveEnded = resolveEnded;
  }

  /** Children that are ready for work, and have their place. */
  get serving(): readonly Child[] {
    const children = this.#options.servesAtOnce ? this.#staying : this.#childrenOf('kept');
    return children.filter((child) => child.state === 'serving');
  }

  /** Those too that boot: whoever is not on the way out. */
  get staying(): readonly Child[] {
    return this.#staying.filter(({ state }) => state === 'booting' || state === 'serving');
  }

  /** Those too that leave. */
  get all(): readonly Child[] {
    return [...this.#slots].flatMap(({ child }) => (child === undefined ? [] : [child]));
  }

  /** So many children are kept alive. */
  get size(): number {
    return this.#kept.length;
  }

  start(size: number): void {
    while (this.#slots.size < size && this.#phase === 'booting') this.#addSlot('kept', this.#start);
  }

  /** One child more or less (signals TTIN and TTOU); the newest leaves, after what it runs. */
  grow(): void {
    if (this.#phase !== 'keeping') return;
    this.#grownBy += 1;
    this.#addSlot('kept', this.#start);
  }

  /** So many children, at least one. */
  resize(size: number, drainMs: number): void {
    for (let more = size - this.size; more > 0; more -= 1) this.grow();
    for (let fewer = this.size - size; fewer > 0; fewer -= 1) this.shrink(drainMs);
  }

  shrink(drainMs: number): void {
    if (this.#phase === 'keeping' && this.#letNewestLeave(drainMs)) this.#grownBy -= 1;
  }

  /**
   * So many new children, made by `start`, take the place of all that there are; from then on `start` makes the others too.
   * Where one of the new ones does not boot, they all go, and the old ones stay. What `grow` and `shrink` are asked for until
   * then holds for the new ones too.
   */
  renew(size: number, start: StartChild<Child>, drainMs: number): Promise<Renewal> {
    const grownBefore = this.#grownBy;
    const more = (): number => (size === 0 ? 0 : this.#grownBy - grownBefore);
    return this.#changeTo(() => {
      if (size === 0) this.#start = start;
      return { size, start, leaving: () => this.#kept, more, drainMs };
    });
  }

  /** A new child takes the place of this one, and where it does not boot, this one stays. */
  replace(child: Child, drainMs: number): Promise<Renewal> {
    return this.#changeTo(() => {
      const slot = this.#kept.find((kept) => kept.child === child);
      if (slot === undefined) return undefined;
      const leaving = () => (slot.state === 'kept' ? [slot] : null);
      return { size: 1, start: slot.start, leaving, more: () => 0, drainMs };
    });
  }

  /** Resolves when no child is left for now. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#emptied.push(resolve);
      this.#tellWhereEmpty();
    });
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
    return [...this.#slots].filter(({ state }) => state === 'kept');
  }

  get #staying(): readonly Child[] {
    return [...this.#childrenOf('kept'), ...this.#childrenOf('coming')];
  }

  #childrenOf(wanted: SlotState): readonly Child[] {
    return [...this.#slots].flatMap(({ child, state }) => (child === undefined || state !== wanted ? [] : [child]));
  }

  #changeTo(
    prepare: () => (Omit<Change<Child>, 'coming' | 'resolve'> & { size: number; start: StartChild<Child> }) | undefined,
  ): Promise<Renewal> {
    const run = (): Promise<Renewal> =>
      new Promise((resolve) => {
        const wanted = this.#phase === 'keeping' ? prepare() : undefined;
        if (wanted === undefined) return resolve('none');
        const { size, ...change } = wanted;
        const coming = Array.from({ length: size }, () => this.#addSlot('coming', change.start));
        this.#change = { ...change, coming, resolve };
        this.#finishChangeWhereReady();
      });
    const change = this.#lastChange.then(run);
    this.#lastChange = change;
    return change;
  }

  #finishChangeWhereReady(): void {
    const change = this.#change;
    if (change === undefined || !change.coming.every(({ hasServed }) => hasServed)) return;
    const leaving = change.leaving();
    if (leaving === null) return this.#dropChange('none');
    this.#change = undefined;
    for (const slot of change.coming) {
      slot.state = 'kept';
      this.#start = slot.start;
      if (slot.child !== undefined && !this.#options.servesAtOnce) this.#events.serving(slot.child);
    }
    for (const slot of leaving) this.#leave(slot, change.drainMs);
    for (let more = change.more(); more > 0; more -= 1) this.#addSlot('kept', this.#start);
    for (let fewer = -change.more(); fewer > 0; fewer -= 1) this.#letNewestLeave(change.drainMs);
    change.resolve('done');
    this.#tellWhereEmpty();
  }

  #dropChange(renewal: Renewal): void {
    const change = this.#change;
    if (change === undefined) return;
    this.#change = undefined;
    for (const slot of change.coming) this.#leave(slot, change.drainMs);
    change.resolve(renewal);
  }

  /** False: it is the last one, and stays. */
  #letNewestLeave(drainMs: number): boolean {
    const kept = this.#kept;
    const newest = kept.at(-1);
    if (kept.length <= 1 || newest === undefined) return false;
    this.#leave(newest, drainMs);
    return true;
  }

  /** A child that still boots runs nothing that it could finish. */
  #leave(slot: Slot<Child>, drainMs: number): void {
    slot.state = 'leaving';
    clearTimeout(slot.restart);
    if (slot.child === undefined) this.#slots.delete(slot);
    else if (slot.child.state === 'booting') slot.child.stop();
    else slot.child.drain(drainMs);
  }

  #end(how: (child: Child) => void): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ending';
    this.#dropChange('none');
    for (const slot of this.#slots) {
      clearTimeout(slot.restart);
      if (slot.child === undefined) this.#slots.delete(slot);
      else how(slot.child);
    }
    this.#tellWhereEmpty();
  }

  #tellWhereEmpty(): void {
    if (this.#slots.size > 0) return;
    for (const resolve of this.#emptied.splice(0)) resolve();
    if (this.#phase !== 'ending') return;
    this.#phase = 'ended';
    this.#resolveEnded();
  }

  #addSlot(state: SlotState, start: StartChild<Child>): Slot<Child> {
    const slot: Slot<Child> = {
      state,
      start,
      child: undefined,
      hasServed: false,
      restart: undefined,
      backoff: createRestartBackoff(this.#options.pace ?? defaultPace),
    };
    this.#slots.add(slot);
    this.#startChild(slot);
    return slot;
  }

  #startChild(slot: Slot<Child>): void {
    const child = slot.start({
      serving: () => this.#serving(slot, child),
      gone: (exit) => this.#gone(slot, child, exit),
    });
    slot.child = child;
  }

  #serving(slot: Slot<Child>, child: Child): void {
    slot.hasServed = true;
    if (slot.state !== 'coming' || this.#options.servesAtOnce) this.#events.serving(child);
    if (slot.state === 'coming') return this.#finishChangeWhereReady();
    if (this.#phase === 'booting' && [...this.#slots].every(({ hasServed }) => hasServed)) {
      this.#phase = 'keeping';
      this.#events.booted();
    }
  }

  #gone(slot: Slot<Child>, child: Child, exit: ChildExit): void {
    const { name, log, bootExitCode } = this.#options;
    slot.child = undefined;
    if (this.#phase === 'ending' || slot.state === 'leaving') {
      if (exit.killedBecause !== null) log.warning(`${describeEnd(name, child.pid, exit)}: killed`);
      else if (exit.failure === null && exit.code !== 0) log.error(describeEnd(name, child.pid, exit));
      this.#slots.delete(slot);
      this.#tellWhereEmpty();
    } else if (slot.state === 'coming') {
      this.#dropChange(bootFailure(name, child.pid, exit, bootExitCode));
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
