/** What a request may wait at a busy worker: about what its way there and back costs. */
const worthMs = 2;
/** A worker that has answered nothing for so long is at something slow, whatever it did before. */
const stalledMs = 5;
/** One slow request must not be remembered for long. */
const longestMs = 20;
/** Of the moving average: what the newest figure counts for. */
const weight = 1 / 8;
const mostWaiting = 64;

/**
 * How fast a worker of a few threads answers, and so how many requests may wait at it. To a quick application, requests that
 * wait in the worker save it the time of a round trip between any two; behind a slow call they would wait although another
 * worker may be idle. The worker says how long its application takes: seen from here, a machine with more to do than
 * processors makes every application look slow. Milliseconds on any clock that does not go back.
 */
export class AnswerPace {
  readonly #threads: number;
  /** Between two answers; nobody has said yet. */
  #betweenAnswersMs = Number.POSITIVE_INFINITY;
  /** The last answer, or the request that ended an idle time. */
  #lastSignMs = 0;

  /** `threads`: requests that the worker runs at once. */
  constructor(threads: number) {
    this.#threads = threads;
  }

  /** The application took so long for each of the requests answered lately. */
  told(microseconds: number): void {
    const tookMs = Math.min(microseconds / 1000, longestMs) / this.#threads;
    const before = this.#betweenAnswersMs;
    this.#betweenAnswersMs = before === Number.POSITIVE_INFINITY ? tookMs : before + (tookMs - before) * weight;
  }

  /** A request goes to the worker, which has `inFlight` before it. */
  sent(nowMs: number, inFlight: number): void {
    if (inFlight === 0) this.#lastSignMs = nowMs;
  }

  answered(nowMs: number): void {
    this.#lastSignMs = nowMs;
  }

  /** Whether one more may wait behind the `waiting` that all threads are too busy for. */
  mayWait(nowMs: number, waiting: number): boolean {
    if (waiting >= mostWaiting || nowMs - this.#lastSignMs > stalledMs) return false;
    return (waiting + 1) * this.#betweenAnswersMs <= worthMs;
  }
}
