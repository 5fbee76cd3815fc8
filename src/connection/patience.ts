import type { Socket } from 'node:net';
import type { PolicyValues } from '../policy/policy.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { Deadlines, Waiting } from './deadlines.ts';
import type { Edge } from './edge-context.ts';
import { Pace } from './pace.ts';
import type { SendQueues } from './send-queues.ts';
import { endpointsOf } from './socket-table.ts';
import { StalledResponse, type StalledResponseOwner } from './stalled-response.ts';
import { deadlineMs, expiryDetail, expiryOf, type WaitingFor } from './waiting-for.ts';

/**
 * Whom one connection waits for, how long it does so, and how fast the client has to be meanwhile. A client that does not
 * move runs into a deadline; one that moves a byte now and then, which sets every deadline anew, into a least rate.
 */
export class Patience implements StalledResponseOwner {
  waitingFor: WaitingFor = 'first-byte';
  private readonly deadlines: Deadlines;
  private readonly sendQueues: SendQueues;
  private readonly socket: Socket;
  private readonly waiting: Waiting;
  private readonly content = new Pace();
  private readonly response = new Pace();
  private readonly since: number;
  /** Made when a wait for the client is half over, which is seldom. */
  private stalled: StalledResponse | undefined;
  /** Bytes that the client is known to have taken, before as many more have left this process for their place. */
  private takenAhead = 0;
  /** What the kernel's buffer says of a client that takes too little: the connection ends. */
  private verdict: Rejection | undefined;
  /** What the wait goes by. */
  private values: PolicyValues;
  private hasWaitedOn = false;

  constructor({ deadlines, sendQueues, policy }: Edge, socket: Socket, waiting: Waiting) {
    this.deadlines = deadlines;
    this.sendQueues = sendQueues;
    this.values = policy.general.values;
    this.socket = socket;
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
    this.values = values;
    this.hasWaitedOn = false;
    this.paceOf(waitingFor)?.wait(this.deadlines.nowMs);
    this.stalled?.end();
    const afterMs = untilLookMs(waitingFor, values);
    if (afterMs > 0) this.deadlines.set(this.waiting, afterMs);
    else this.end();
  }

  end(): void {
    this.stalled?.end();
    this.deadlines.clear(this.waiting);
  }

  /** Its deadline has passed. True: it waits on for its client, and expires again if that does not help. */
  goesOn(): boolean {
    if (this.waitingFor !== 'write' || this.verdict !== undefined) return false;
    this.stalled ??= new StalledResponse(this.sendQueues, endpointsOf(this.socket), this);
    if (!this.stalled.halfPassed()) return false;
    this.deadlines.set(this.waiting, untilLookMs('write', this.values));
    return true;
  }

  /** Its deadline has passed. True: it waits on for so long, which it does once. */
  waitOnce(milliseconds: number): boolean {
    if (this.hasWaitedOn || milliseconds === 0) return false;
    this.hasWaitedOn = true;
    this.deadlines.set(this.waiting, milliseconds);
    return true;
  }

  /** Paces are those of one request. */
  beginRequest(): void {
    this.content.reset();
    this.response.reset();
    this.takenAhead = 0;
  }

  contentMoved(bytes: number, { timeouts }: PolicyValues): Rejection | undefined {
    this.content.move(bytes, timeouts.contentMinRate, this.deadlines.nowMs);
    if (!this.content.isBehind(timeouts.contentMinRate, timeouts.rateGraceMs)) return undefined;
    return reject('content.too-slow', this.content.describe(timeouts.contentMinRate));
  }

  responseMoved(bytes: number, values: PolicyValues): Rejection | undefined {
    const known = Math.min(bytes, this.takenAhead);
    this.takenAhead -= known;
    return this.responseTaken(bytes - known, values);
  }

  /** Why the wait is over; undefined: by no rule, the connection is only closed. */
  expired(values: PolicyValues): Rejection | undefined {
    if (this.verdict !== undefined) return this.verdict;
    const rule = expiryOf(this.waitingFor);
    return rule === undefined ? undefined : reject(rule, expiryDetail(this.waitingFor, values));
  }

  // From the stalled response.

  onFirstMeasured(): void {
    this.response.forgive(this.deadlines.nowMs);
  }

  onTaken(bytes: number): void {
    this.takenAhead += bytes;
    const tooSlow = this.responseTaken(bytes, this.values);
    if (tooSlow === undefined) this.deadlines.set(this.waiting, untilLookMs('write', this.values));
    else this.giveUp(tooSlow);
  }

  onStalled(): void {
    this.giveUp(this.expired(this.values));
  }

  private giveUp(verdict: Rejection | undefined): void {
    this.verdict = verdict;
    this.deadlines.clear(this.waiting);
    this.waiting.expire();
  }

  private responseTaken(bytes: number, { timeouts }: PolicyValues): Rejection | undefined {
    this.response.move(bytes, timeouts.writeMinRate, this.deadlines.nowMs);
    if (!this.response.isBehind(timeouts.writeMinRate, timeouts.rateGraceMs)) return undefined;
    return reject('response.too-slow', this.response.describe(timeouts.writeMinRate));
  }

  private paceOf(waitingFor: WaitingFor): Pace | undefined {
    if (waitingFor === 'content') return this.content;
    return waitingFor === 'write' ? this.response : undefined;
  }
}

/** Of a write, half of its time: what the kernel holds is looked at twice. */
function untilLookMs(waitingFor: WaitingFor, values: PolicyValues): number {
  const afterMs = deadlineMs(waitingFor, values);
  return waitingFor === 'write' ? afterMs / 2 : afterMs;
}
