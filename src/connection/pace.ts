/**
 * How fast one side of a connection moves: an average over all the time in which it was waited for, and no other, so that
 * an application that takes its time makes no client slow. Bytes that dribble reset a deadline, but not an average. Time
 * is that of the clock that deadlines count in.
 */
export class Pace {
  private waitedMs = 0;
  private bytes = 0;
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
  }

  /** Nobody knows what has moved since the last that did: that time does not count. */
  disregard(nowMs: number): void {
    if (this.since >= 0) this.since = nowMs;
  }

  /** What moves while nobody waits, as the first bytes that the kernel takes, says nothing about the peer. */
  move(bytes: number, nowMs: number): void {
    if (this.since < 0) return;
    this.wait(nowMs);
    this.bytes += bytes;
  }

  /** `minRate` in bytes a second, on average; 0: none. For the first `graceMs` nothing is too slow. */
  isBelow(minRate: number, graceMs: number): boolean {
    return this.waitedMs > graceMs && this.bytes * 1000 < minRate * this.waitedMs;
  }

  /** What was measured, against what. */
  describe(minRate: number): string {
    return `${this.bytes} bytes in ${this.waitedMs} ms, at least ${minRate} a second are asked for`;
  }

  reset(): void {
    this.waitedMs = 0;
    this.bytes = 0;
    this.since = -1;
  }
}
