/**
 * All deadlines of a process on one coarse timer: a wheel of slots, each a doubly linked list through the waiting things
 * themselves. Setting a later deadline, the common case, writes two numbers; nothing is allocated for a request.
 *
 * A deadline fires up to two ticks late, never early. Ticks are counted and not read off the clock: time in which this
 * process did not run (a long turn of the event loop, SIGSTOP, a suspended machine) is nobody's fault and ends nobody.
 * Then timers also run before the bytes that wait in the sockets are read: after a late tick one poll phase is let
 * through first.
 */
export const TICK_MS = 100;
const SLOTS = 512;
const NOT_LINKED = -1;

/** Something that waits, one deadline at a time. The fields belong to the wheel. */
export abstract class Waiting {
  deadlineTick = 0;
  slotTick = NOT_LINKED;
  next: Waiting | undefined;
  previous: Waiting | undefined;
  /** Its deadline has passed. */
  abstract expire(): void;
}

export type Clock = {
  /** Monotonic, in milliseconds. */
  now(): number;
};

/** Runs `run` again and again, never sooner than `milliseconds` after the last time, until the answer is called. */
export type Repeat = (milliseconds: number, run: () => void) => () => void;

const repeatByTimer: Repeat = (milliseconds, run) => {
  const timer = setInterval(run, milliseconds);
  return () => clearInterval(timer);
};

export class Deadlines {
  private readonly clock: Clock;
  private readonly slots: (Waiting | undefined)[] = new Array(SLOTS).fill(undefined);
  private readonly repeat: Repeat;
  private stopTimer: (() => void) | undefined;
  private tick = 0;
  private lastTickAt = 0;
  private waiting = 0;

  constructor(clock: Clock, repeat: Repeat = repeatByTimer) {
    this.clock = clock;
    this.repeat = repeat;
  }

  /** Milliseconds in which this process ran, in steps of a tick, while anything waits. */
  get nowMs(): number {
    return this.tick * TICK_MS;
  }

  /** `waiting` expires `afterMs` from now, whatever was set before. */
  set(waiting: Waiting, afterMs: number): void {
    if (this.stopTimer === undefined) this.start();
    waiting.deadlineTick = this.tick + Math.ceil(afterMs / TICK_MS) + 1;
    if (waiting.slotTick !== NOT_LINKED && waiting.slotTick <= waiting.deadlineTick) return;
    if (waiting.slotTick !== NOT_LINKED) this.unlink(waiting);
    this.link(waiting);
  }

  clear(waiting: Waiting): void {
    if (waiting.slotTick === NOT_LINKED) return;
    this.unlink(waiting);
    if (this.waiting === 0) this.stop();
  }

  private start(): void {
    this.lastTickAt = this.clock.now();
    this.stopTimer = this.repeat(TICK_MS, () => this.onTimer());
  }

  private stop(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
  }

  private onTimer(): void {
    const now = this.clock.now();
    const late = now - this.lastTickAt > 2 * TICK_MS;
    this.lastTickAt = now;
    if (late) setImmediate(() => this.advance());
    else this.advance();
  }

  private advance(): void {
    this.tick += 1;
    this.expireSlot(this.tick);
    if (this.waiting === 0) this.stop();
  }

  /** What is linked again lands in another slot, so this one runs empty. */
  private expireSlot(tick: number): void {
    for (;;) {
      const waiting = this.slots[tick % SLOTS];
      if (waiting === undefined) return;
      this.unlink(waiting);
      if (waiting.deadlineTick <= tick) waiting.expire();
      else this.link(waiting);
    }
  }

  private link(waiting: Waiting): void {
    const slotTick = Math.min(Math.max(waiting.deadlineTick, this.tick + 1), this.tick + SLOTS - 1);
    const first = this.slots[slotTick % SLOTS];
    waiting.slotTick = slotTick;
    waiting.previous = undefined;
    waiting.next = first;
    if (first !== undefined) first.previous = waiting;
    this.slots[slotTick % SLOTS] = waiting;
    this.waiting += 1;
  }

  private unlink(waiting: Waiting): void {
    if (waiting.previous !== undefined) waiting.previous.next = waiting.next;
    else this.slots[waiting.slotTick % SLOTS] = waiting.next;
    if (waiting.next !== undefined) waiting.next.previous = waiting.previous;
    waiting.next = undefined;
    waiting.previous = undefined;
    waiting.slotTick = NOT_LINKED;
    this.waiting -= 1;
  }
}
