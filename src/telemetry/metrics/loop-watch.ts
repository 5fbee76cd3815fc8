import { type EventLoopUtilization, type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Of the timer that is late where the event loop is busy. */
const resolutionMs = 20;

export interface LoopMeter {
  loopTurned(delayMs: number, activeMs: number, idleMs: number): void;
}

/** How late this process is for whatever happens, and how much of its time it works. */
export class LoopWatch {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  #before: EventLoopUtilization = performance.eventLoopUtilization();

  constructor() {
    this.#delays.enable();
  }

  /** Tells what happened since it was asked last. */
  tell(meter: LoopMeter): void {
    const now = performance.eventLoopUtilization();
    const delayMs = this.#delays.count === 0 ? 0 : Math.max(0, this.#delays.max / 1e6 - resolutionMs);
    this.#delays.reset();
    meter.loopTurned(delayMs, Math.max(0, now.active - this.#before.active), Math.max(0, now.idle - this.#before.idle));
    this.#before = now;
  }
}
