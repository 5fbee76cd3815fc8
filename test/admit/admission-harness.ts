import { Admission, type AdmissionPolicy, type AdmissionSink } from '../../src/admit/admission.ts';
import type { LimitInForce } from '../../src/admit/limit-in-force.ts';
import type { Grant } from '../../src/admit/token-buckets.ts';
import type { Take } from '../../src/admit/token-requests.ts';
import { RequestHead } from '../../src/http1/request-head.ts';
import type { Rejection } from '../../src/rejection/rejection.ts';
import { ManualClock } from './manual-clock.ts';

export const shipped: AdmissionPolicy = { timeoutMs: 100, outage: 'local', maxKeys: 1000, maxWaiting: 1000 };

/** One request, and every answer that it got. */
export class Asked implements AdmissionSink {
  readonly answers: (Rejection | 'passes')[] = [];
  waited = false;
  onAnswer: () => void = () => {};

  /** `waits` until there is an answer, then `passes` or the rule. */
  get state(): string {
    const [answer] = this.answers;
    if (answer === undefined) return 'waits';
    return answer === 'passes' ? answer : answer.rule;
  }

  get rejection(): Rejection | undefined {
    return this.answers.find((answer) => answer !== 'passes');
  }

  admitted(): void {
    this.take('passes');
  }

  refused(rejection: Rejection): void {
    this.take(rejection);
  }

  take(answer: Rejection | 'passes'): void {
    this.answers.push(answer);
    this.onAnswer();
  }
}

/** The stage with a clock and a master that only the test moves. */
export class AdmissionHarness {
  readonly clock = new ManualClock();
  readonly admission: Admission;
  readonly batches: { readonly batch: number; readonly takes: readonly Take[] }[] = [];
  readonly lines: string[] = [];
  readonly #head = new RequestHead();

  constructor(changes: Partial<AdmissionPolicy> = {}) {
    const source = (batch: number, takes: readonly Take[]): void => {
      this.batches.push({ batch, takes });
    };
    const log = { limited: (_: string, text: string) => this.lines.push(text) };
    this.admission = new Admission({ ...shipped, ...changes }, this.clock, source, log);
  }

  ask(limits: readonly LimitInForce[], client: string | null = 'a', asked = new Asked()): Asked {
    const answer = this.admission.admit(this.#head, limits, client, asked);
    if (answer === 'pending') asked.waited = true;
    else asked.take(answer ?? 'passes');
    return asked;
  }

  askTimes(times: number, limits: readonly LimitInForce[], client?: string): readonly Asked[] {
    return Array.from({ length: times }, () => this.ask(limits, client));
  }

  /** What is asked for in the batch that has waited longest, once this turn is over: `a:20`. */
  get asksFor(): string {
    this.clock.endTurn();
    return this.batches.flatMap(({ takes }) => takes.map(([, key, tokens]) => `${key}:${tokens}`)).join(' ');
  }

  /** The answer to the batch that has waited longest; what is left out of it is granted in full. */
  answer(...grants: readonly Grant[]): void {
    this.clock.endTurn();
    const next = this.batches.shift();
    if (next === undefined) throw new Error('nothing was asked');
    this.admission.answer(
      next.batch,
      next.takes.map(([, , tokens], index) => grants[index] ?? [tokens, 0]),
    );
  }
}

export function states(asked: readonly Asked[]): string {
  return asked.map(({ state }) => state).join(' ');
}
