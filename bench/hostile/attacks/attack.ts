import type { Socket } from 'node:net';

/** One kind of attack, as `AttackPool` carries it out: which connections, how fast, and what each of them does. */
export type Attack = {
  /** Open at once; one that the server has ended is replaced. `Infinity`: the rate alone bounds it. */
  readonly connections: number;
  readonly connectsPerSecond: number;
  /** A connection has opened. */
  open(socket: Socket): void;
  /** What each open connection does every so often. */
  readonly turns?: Turns;
  /** What the server sends: taken at once, or 64 KiB in each turn. */
  readonly reads: 'at-once' | 'in-turns';
  /** Whether turns go on once no connection is replaced any more: a dribble is to be ended by the server, not by us. */
  readonly goesOn: boolean;
};

export type Turns = {
  readonly everyMs: number;
  /** What is done in a turn, for the figures, and how many of it. */
  readonly what: string;
  readonly count: number;
  /** False where this connection is not ready for it. */
  take(socket: Socket): boolean;
};

/** What became of an attack, as whoever carried it out saw it. */
export type Tally = {
  readonly seconds: number;
  readonly opened: number;
  /** Connects that failed: refused, or no port or descriptor of ours was left. */
  readonly failed: number;
  /** What was to be done at a steady rate, and how many of it were. */
  readonly what: string;
  readonly done: number;
};
