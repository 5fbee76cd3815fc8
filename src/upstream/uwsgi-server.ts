import type { Log } from '../telemetry/error-log.ts';
import { placeName, type UwsgiAddress } from '../worker/uwsgi-target.ts';
import type { Candidate } from './least-busy.ts';
import { askForPong, type Pong } from './uwsgi-ping.ts';

/** `untried`: nothing is known of it yet, and it is given requests to find out. */
export type ServerState = 'untried' | 'up' | 'down';

export interface ServerOwner {
  readonly log: Log;
  /** `state` is another one, or it has room again. */
  serverChanged(): void;
}

/** One that drops connections before it answers may have met a request that kills its process: that alone is no reason. */
const mostLostInARow = 3;
/** From one ping to the next while it is down: soon at first, since most of the time it is only being restarted. */
const firstWaitMs = 100;
const longestWaitMs = 5_000;
/** Somebody who does nothing for us is looked after so often. */
const idleCheckMs = 5_000;
const pongMs = 5_000;
/** Nothing is sent to it for so long after it lost a request. */
const restMs = 50;
/** One request more is tried so often, where its listen queue was full. */
const growMs = 50;

/**
 * One uWSGI server: what it has to do for this edge, and whether it is there. Who cannot be reached is out at once, who drops
 * requests after some in a row; a ping brings it back. Whether it is slow is not asked: that is what its weight is for.
 */
export class UwsgiServer implements Candidate {
  readonly address: UwsgiAddress;
  readonly name: string;
  readonly weight: number;
  state: ServerState = 'untried';
  turn = 0;
  inFlight = 0;
  /** Answers that have begun. */
  answers = 0;
  /** Less than `connections` while its listen queue is known to hold no more. */
  #limit: number;
  readonly #owner: ServerOwner;
  #lostInARow = 0;
  #rests = false;
  #hasEnded = false;
  #waitMs = firstWaitMs;
  #timer: NodeJS.Timeout | undefined;
  #cancelPing: (() => void) | null = null;
  /** It has been of use since it was looked after. */
  #wasBusy = false;

  constructor(address: UwsgiAddress, owner: ServerOwner) {
    this.address = address;
    this.name = placeName(address.place);
    this.weight = address.weight;
    this.#limit = address.connections;
    this.#owner = owner;
  }

  /** Looks after it from now on. */
  watch(): void {
    this.#ping();
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#cancelPing?.();
  }

  get mayTake(): boolean {
    return this.state !== 'down' && !this.#rests && this.inFlight < this.#limit;
  }

  take(): void {
    this.inFlight++;
    this.#wasBusy = true;
  }

  /** It is done with a request. */
  release(): void {
    this.inFlight--;
    this.#owner.serverChanged();
  }

  /** The head of an answer came. One that is out may be ending, and finish what it had: only a pong brings it back. */
  answered(): void {
    this.answers++;
    this.#lostInARow = 0;
    if (this.state === 'untried') this.#comeBack();
  }

  /**
   * It had a request and ended the connection without a byte. All of it may be about to end, one process after the other: what
   * is asked again at once would be lost with the next.
   */
  lost(reason: string): void {
    this.#lostInARow++;
    this.#rest();
    if (this.#lostInARow >= mostLostInARow)
      this.#takeOut(`${this.#lostInARow} requests in a row were lost (${reason})`);
  }

  unreachable(reason: string): void {
    this.#takeOut(reason);
  }

  /**
   * It has no place for another connection in its listen queue: nothing is wrong with it, but it is behind. It has as many as it
   * has now, the one that failed left out, until a process of its own or time has made room.
   */
  full(): void {
    const isGrowing = this.#limit < this.address.connections;
    this.#limit = this.inFlight - 1;
    if (!isGrowing) this.#growLater();
  }

  #rest(): void {
    if (this.#rests) return;
    this.#rests = true;
    setTimeout(() => {
      this.#rests = false;
      if (!this.#hasEnded) this.#owner.serverChanged();
    }, restMs).unref();
  }

  #growLater(): void {
    setTimeout(() => {
      if (this.#hasEnded) return;
      this.#limit += 1;
      if (this.#limit < this.address.connections) this.#growLater();
      this.#owner.serverChanged();
    }, growMs).unref();
  }

  #takeOut(reason: string): void {
    if (this.state === 'down' || this.#hasEnded) return;
    this.state = 'down';
    this.#lostInARow = 0;
    this.#owner.log.warning(`Upstream ${this.name} gets no requests until it answers a ping: ${reason}`);
    this.#cancelPing?.();
    this.#cancelPing = null;
    this.#waitMs = firstWaitMs;
    this.#pingLater(this.#waitMs);
    this.#owner.serverChanged();
  }

  #comeBack(): void {
    if (this.state === 'down') this.#owner.log.info(`Upstream ${this.name} gets requests again`);
    this.state = 'up';
    this.#owner.serverChanged();
  }

  #pingLater(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ping(), afterMs).unref();
  }

  /** One that works is not asked: a ping would only stand in the queue behind its requests. */
  #ping(): void {
    const isOfUse = this.state === 'up' && (this.#wasBusy || this.inFlight > 0);
    this.#wasBusy = false;
    if (isOfUse) return this.#pingLater(idleCheckMs);
    this.#cancelPing = askForPong(this.address.place, pongMs, (pong) => {
      this.#cancelPing = null;
      this.#heard(pong);
    });
  }

  #heard(pong: Pong): void {
    if (pong.outcome === 'alive' && this.state !== 'up') this.#comeBack();
    if (pong.outcome === 'unreachable' && this.state !== 'down') return this.#takeOut(pong.reason);
    if (this.state !== 'down') return this.#pingLater(idleCheckMs);
    this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs);
    this.#pingLater(this.#waitMs);
  }
}
