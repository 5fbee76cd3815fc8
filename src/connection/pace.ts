/**
 * How fast one side of a connection moves: an average over all the time in which it was waited for, and no other, so that
 * an application that takes its time makes no client slow. Bytes that dribble reset a deadline, but not an average. Time
 * is that of the clock that deadlines count in.
 */
export class Pace {
  private waitedMs = 0;
  private bytes = 0;
  /** Of them, what had not reached the peer when that was measured last; -1: it was not, in this wait. */
  private heldBytes = -1;
  /** When the wait that goes on began; -1: nobody waits. */
  private since = -1;

  /** It is waited for, from now on or still. */
  wait(nowMs: number): void {
    if (this.since >= 0) this.waitedMs += nowMs - this.since;
    this.since = nowMs;
  }

  /** Somebody else is waited for. */
  pause(nowMs: number): void {
    if (this.since >= 0) this.waitedMs += nowMs - this.since;
    this.since = -1;
    this.heldBytes = -1;
  }

  /** What moves while nobody waits, as the first bytes that the kernel takes, says nothing about the peer. */
  move(bytes: number, nowMs: number): void {
    if (this.since < 0) return;
    this.wait(nowMs);
    this.bytes += bytes;
  }

  /**
   * Of what has moved, and of what did while nobody waited, `heldBytes` have not reached the peer. At the first time in a wait
   * nobody knows how many those were when it began, so the average begins here: from now on it is that of what reaches the peer.
   */
  hold(heldBytes: number, nowMs: number): void {
    if (this.since < 0) return;
    this.wait(nowMs);
    if (this.heldBytes < 0) {
      this.waitedMs = 0;
      this.bytes = heldBytes;
    }
    this.heldBytes = heldBytes;
  }

  /** `minRate` in bytes a second, on average; 0: none. For the first `graceMs` nothing is too slow. */
  isBelow(minRate: number, graceMs: number): boolean {
    return this.waitedMs > graceMs && this.reachedBytes * 1000 < minRate * this.waitedMs;
  }

  /** What was measured, against what. */
  describe(minRate: number): string {
    return `${this.reachedBytes} bytes in ${this.waitedMs} ms, at least ${minRate} a second are asked for`;
  }

  reset(): void {
    this.waitedMs = 0;
    this.bytes = 0;
    this.heldBytes = -1;
    this.since = -1;
  }

  /** A piece that has moved in part is held already, and has not moved yet. */
  private get reachedBytes(): number {
    return Math.max(0, this.bytes - Math.max(0, this.heldBytes));
  }
}
