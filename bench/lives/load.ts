import { within } from '../../test/support/deadline.ts';
import { Asker, type Failure } from './asker.ts';
import { question } from './question.ts';

const LANES = 8;
/** A resting client makes a new connection so often: a server whose workers hold them would never show the new ones. */
const REQUESTS_A_CONNECTION = 20;
/** After a refused connection; as often as that, but not thousands of times a second. */
const REFUSED_MS = 5;
/** A reload of some workers on a busy machine takes a few seconds. */
const PATIENCE_MS = 20_000;

type Check = () => void;

/**
 * Constant load: half of the clients ask without a pause, the others rest a little between two requests and make a new
 * connection now and then, so that busy, idle and new ones meet whatever happens to the server.
 */
export class Load {
  sent = 0;
  answered = 0;
  readonly failures: Failure[] = [];
  /** Workers by their process ids, with the number of requests that each has answered. */
  readonly answersOf = new Map<number, number>();
  readonly #askers: Asker[] = [];
  readonly #checks = new Set<Check>();
  readonly #lanes: Promise<unknown>;
  #isStopped = false;

  constructor(port: number) {
    this.#lanes = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#run(new Asker(port), lane)));
  }

  /** Resolves once the claim is true; it is looked at after every answer and every failure. */
  async until(claim: () => boolean, what: () => string, milliseconds = PATIENCE_MS): Promise<void> {
    let check: Check | undefined;
    const found = new Promise<void>((resolve, reject) => {
      check = () => {
        try {
          if (claim()) resolve();
        } catch (error) {
          reject(error);
        }
      };
      this.#checks.add(check);
      check();
    });
    await within(milliseconds, found, what).finally(() => check && this.#checks.delete(check));
  }

  /** So many answers from now on. */
  async goesOn(answers: number): Promise<void> {
    const end = this.answered + answers;
    await this.until(
      () => this.answered >= end,
      () => `${end - this.answered} of ${answers} answers are missing`,
    );
  }

  /** Workers that are not among these and have answered. */
  newcomers(known: readonly number[]): readonly number[] {
    return [...this.answersOf.keys()].filter((worker) => !known.includes(worker));
  }

  /** Each client ends with its last answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#lanes;
    for (const asker of this.#askers) asker.close();
  }

  async #run(asker: Asker, lane: number): Promise<void> {
    this.#askers.push(asker);
    const restMs = lane % 2 === 0 ? 0 : lane;
    for (let number = 0; !this.#isStopped; number++) {
      this.sent += 1;
      const reply = await asker.ask(question(lane, number));
      if (reply.type === 'answered') {
        this.answered += 1;
        this.answersOf.set(reply.worker, (this.answersOf.get(reply.worker) ?? 0) + 1);
      } else {
        this.failures.push(reply);
      }
      for (const check of this.#checks) check();
      const pauseMs = reply.type === 'failed' && reply.localPort === null ? REFUSED_MS : restMs;
      if (restMs > 0 && number % REQUESTS_A_CONNECTION === 0) asker.close();
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
