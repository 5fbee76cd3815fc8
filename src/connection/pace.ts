/**
 * How fast one side of a connection has to move: at a least rate, behind which it may fall by `rateGrace` and no more. Bytes
 * that dribble set a deadline anew, but they do not catch up; and bytes that came early are no credit for later, or a megabyte
 * at once would pay for half an hour of nothing. Only time counts in which it is waited for: an application that takes its time
 * makes no client slow. Time is that of the clock that deadlines count in.
 */
export class Pace {
  /** Of time, until now, for which nothing came. */
  private behindMs = 0;
  private waitedMs = 0;
  private bytes = 0;
  /** When the wait that goes on began; -1: nobody waits. */
  private since = -1;

  /** It is waited for, from now on or still. */
  wait(nowMs: number): void {
    if (this.since >= 0) this.pass(nowMs);
    this.since = nowMs;
  }

  /** Somebody else is waited for. */
  pause(nowMs: number): void {
    if (this.since >= 0) this.pass(nowMs);
    this.since = -1;
  }

  /**
   * What moves while nobody waits, as the first bytes that the kernel takes, says nothing about the peer. `minRate` is in bytes
   * a second; 0: none.
   */
  move(bytes: number, minRate: number, nowMs: number): void {
    if (this.since < 0) return;
    this.wait(nowMs);
    this.bytes += bytes;
    if (minRate > 0) this.behindMs = Math.max(0, this.behindMs - (bytes * 1000) / minRate);
  }

  /** Nobody knows what has moved until now: it is measured anew. */
  forgive(nowMs: number): void {
    const { since } = this;
    this.reset();
    if (since >= 0) this.since = nowMs;
  }

  isBehind(minRate: number, graceMs: number): boolean {
    return minRate > 0 && this.behindMs > graceMs;
  }

  /** What was measured, against what. */
  describe(minRate: number): string {
    return `${this.bytes} bytes in ${this.waitedMs} ms, at least ${minRate} a second are asked for`;
  }

  reset(): void {
    this.behindMs = 0;
    this.waitedMs = 0;
    this.bytes = 0;
    this.since = -1;
  }

  private pass(nowMs: number): void {
    this.waitedMs += nowMs - this.since;
    this.behindMs += nowMs - this.since;
  }
}
