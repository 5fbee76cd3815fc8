import { connect, type Socket } from 'node:net';
import type { Attack, Tally } from './attacks/attack.ts';

const TICK_MS = 10;
/** An attacker that was kept from running does not make up for more than this: the rate is steady, not the sum. */
const MOST_LATE_MS = 500;

/** All connections read into it, one after the other, and nobody looks at what came. */
const readBuffer = Buffer.allocUnsafeSlow(65536);

/** Carries out an attack over raw sockets, cheaply: on a small machine attacker and server share the CPUs. */
export class AttackPool {
  readonly #attack: Attack;
  readonly #port: number;
  readonly #open = new Set<Socket>();
  #connecting = 0;
  #opened = 0;
  #failed = 0;
  #done = 0;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #replaces = true;
  readonly #connects: Pace;
  readonly #turnPace: Pace | undefined;

  constructor(attack: Attack, port: number) {
    this.#attack = attack;
    this.#port = port;
    this.#connects = new Pace(1000 / attack.connectsPerSecond);
    this.#turnPace = attack.turns && new Pace(attack.turns.everyMs);
  }

  /** `onStrength` once as many connections are open as there shall be. */
  begin(onStrength: () => void): void {
    let isWeak = true;
    this.#startedAt = performance.now();
    this.#connects.start(this.#startedAt);
    this.#turnPace?.start(this.#startedAt);
    this.#timer = setInterval(() => {
      const now = performance.now();
      if (this.#replaces) this.#connect(this.#connects.due(now));
      for (let due = this.#turnPace?.due(now) ?? 0; due > 0; due--) this.#turn();
      const { connections } = this.#attack;
      if (isWeak && (connections === Number.POSITIVE_INFINITY || this.#open.size >= connections)) {
        isWeak = false;
        onStrength();
      }
    }, TICK_MS);
  }

  /** Connects no more, holds what is open, and says what there was until now. */
  cease(): Tally {
    this.#replaces = false;
    if (!this.#attack.goesOn) clearInterval(this.#timer);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const figures = { seconds, opened: this.#opened, failed: this.#failed };
    const { turns } = this.#attack;
    if (turns === undefined) return { ...figures, what: 'connects', done: this.#opened };
    return { ...figures, what: turns.what, done: this.#done * turns.count };
  }

  #connect(due: number): void {
    const missing = this.#attack.connections - this.#open.size - this.#connecting;
    for (let left = Math.min(due, missing); left > 0; left--) this.#connectOne();
  }

  #connectOne(): void {
    const { reads } = this.#attack;
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer: readBuffer, callback: () => reads === 'at-once' },
    });
    this.#connecting += 1;
    let hasOpened = false;
    socket.on('connect', () => {
      hasOpened = true;
      this.#connecting -= 1;
      this.#opened += 1;
      this.#open.add(socket);
      this.#attack.open(socket);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (hasOpened) this.#open.delete(socket);
      else {
        this.#connecting -= 1;
        this.#failed += 1;
      }
    });
  }

  #turn(): void {
    for (const socket of this.#open) {
      if (socket.writable && this.#attack.turns?.take(socket) === true) this.#done += 1;
    }
  }
}

/** How often something is due by the clock: timers of Node alone would fall behind. */
class Pace {
  readonly #intervalMs: number;
  #next = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  start(now: number): void {
    this.#next = now;
  }

  due(now: number): number {
    this.#next = Math.max(this.#next, now - MOST_LATE_MS);
    const due = Math.max(0, Math.floor((now - this.#next) / this.#intervalMs));
    this.#next += due * this.#intervalMs;
    return due;
  }
}
