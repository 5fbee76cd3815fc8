/** The requests that a worker may begin before it is replaced. It goes on meanwhile: the number is one to aim at. */
export class RequestQuota {
  readonly #reached: () => void;
  #left: number;

  /** `most` 0: any number. `reached` is called once, with the request that is the last one of them. */
  constructor(most: number, reached: () => void) {
    this.#left = most;
    this.#reached = reached;
  }

  take(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#reached();
  }
}
