/** `held`: not yet, `wanted`: held, and asked for. `again`: runs, and was asked for meanwhile. */
type State = 'held' | 'wanted' | 'idle' | 'running' | 'again' | 'over';
type Input = 'release' | 'request' | 'done' | 'end';

const transitions: Readonly<Record<State, Readonly<Partial<Record<Input, State>>>>> = {
  held: { release: 'idle', request: 'wanted', end: 'over' },
  wanted: { release: 'running', request: 'wanted', end: 'over' },
  idle: { request: 'running', end: 'over' },
  running: { request: 'again', done: 'idle', end: 'over' },
  again: { request: 'again', done: 'running', end: 'over' },
  over: { release: 'over', request: 'over', done: 'over', end: 'over' },
};

/**
 * A task that never overlaps itself. However often it is asked for while it runs, it runs once more afterwards: that run
 * sees all that the askers saw.
 */
export class OneAtATime {
  readonly #task: () => Promise<void>;
  #state: State = 'held';

  /** `task` does not reject. It is held back until `release`. */
  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  release(): void {
    this.#enter('release');
  }

  request(): void {
    this.#enter('request');
  }

  /** No run begins any more. */
  end(): void {
    this.#enter('end');
  }

  #enter(input: Input): void {
    const before = this.#state;
    const next = transitions[before][input];
    if (next === undefined) throw new Error(`no transition from ${before} on ${input}`);
    this.#state = next;
    if (next === 'running') void this.#task().then(() => this.#enter('done'));
  }
}
