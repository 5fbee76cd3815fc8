/** Time, as the parts that admit need it; a test gives them another. */
export type Clock = {
  /** Monotonic, in milliseconds. */
  now(): number;
  /** The answer takes it back. */
  after(milliseconds: number, run: () => void): () => void;
  /** When everything that could be read at once is read: what it says to the master then goes in one message. */
  atEndOfTurn(run: () => void): void;
};

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
  // Not a microtask: those run behind each single read. Immediates run behind all reads of one poll.
  atEndOfTurn: (run) => {
    setImmediate(run);
  },
};
