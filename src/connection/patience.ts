import type { PolicyValues } from '../policy/policy.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { Deadlines, Waiting } from './deadlines.ts';
import { Pace } from './pace.ts';
import { deadlineMs, expiryDetail, expiryOf, type WaitingFor } from './waiting-for.ts';

/**
 * Whom one connection waits for, how long it does so, and how fast the client has to be meanwhile. A client that does not
 * move runs into a deadline; one that moves a byte now and then, which sets every deadline anew, into a least rate.
 */
export class Patience {
  waitingFor: WaitingFor = 'first-byte';
  private readonly deadlines: Deadlines;
  private readonly waiting: Waiting;
  private readonly content = new Pace();
  private readonly response = new Pace();
  private readonly since: number;

  constructor(deadlines: Deadlines, waiting: Waiting) {
    this.deadlines = deadlines;
    this.waiting = waiting;
    this.since = deadlines.nowMs;
  }

  /** Since the connection was accepted. */
  get ageMs(): number {
    return this.deadlines.nowMs - this.since;
  }

  /** Sets the deadline of whoever is waited for now: it begins anew. */
  wait(waitingFor: WaitingFor, values: PolicyValues): void {
    if (waitingFor !== this.waitingFor) this.paceOf(this.waitingFor)?.pause(this.deadlines.nowMs);
    this.waitingFor = waitingFor;
    this.paceOf(waitingFor)?.wait(this.deadlines.nowMs);
    const afterMs = deadlineMs(waitingFor, values);
    if (afterMs > 0) this.deadlines.set(this.waiting, afterMs);
    else this.end();
  }

  end(): void {
    this.deadlines.clear(this.waiting);
  }

  /** Paces are those of one request. */
  beginRequest(): void {
    this.content.reset();
    this.response.reset();
  }

  contentMoved(bytes: number, { timeouts }: PolicyValues): Rejection | undefined {
    this.content.move(bytes, timeouts.contentMinRate, this.deadlines.nowMs);
    if (!this.content.isBehind(timeouts.contentMinRate, timeouts.rateGraceMs)) return undefined;
    return reject('content.too-slow', this.content.describe(timeouts.contentMinRate));
  }

  responseMoved(bytes: number, { timeouts }: PolicyValues): Rejection | undefined {
    this.response.move(bytes, timeouts.writeMinRate, this.deadlines.nowMs);
    if (!this.response.isBehind(timeouts.writeMinRate, timeouts.rateGraceMs)) return undefined;
    return reject('response.too-slow', this.response.describe(timeouts.writeMinRate));
  }

  /** Why the wait is over; undefined: by no rule, the connection is only closed. */
  expired(values: PolicyValues): Rejection | undefined {
    const rule = expiryOf(this.waitingFor);
    return rule === undefined ? undefined : reject(rule, expiryDetail(this.waitingFor, values));
  }

  private paceOf(waitingFor: WaitingFor): Pace | undefined {
    if (waitingFor === 'content') return this.content;
    return waitingFor === 'write' ? this.response : undefined;
  }
}
