import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { LimitInForce } from '../../src/admit/limit-in-force.ts';
import type { Grant } from '../../src/admit/token-buckets.ts';
import { AdmissionHarness, Asked, shipped } from './admission-harness.ts';
import { inForce } from './limits.ts';

type Step =
  | { readonly does: 'ask'; readonly client: string | null; readonly list: number }
  | { readonly does: 'answer'; readonly shares: readonly number[]; readonly retryMs: number }
  | { readonly does: 'pass'; readonly milliseconds: number }
  | { readonly does: 'cancel'; readonly index: number }
  | { readonly does: 'reload'; readonly maxKeys: number };

const client = { name: 'client', requests: 10, burst: 64 };
const costly = { name: 'costly', key: 'client', burst: 8, cost: 3 };
const exact = { name: 'exact', accuracy: 'exact' } as const;
const all = { name: 'all', key: 'route', burst: 32 };
const lists: readonly (readonly LimitInForce[])[] = [
  inForce(client),
  inForce(costly, all),
  inForce(exact, client, all),
  inForce(all),
];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('ask' as const),
      client: fc.constantFrom('a', 'b', 'c', null),
      list: fc.nat(lists.length - 1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('answer' as const),
      shares: fc.array(fc.constantFrom(0, 0.3, 1, 1), { maxLength: 4 }),
      retryMs: fc.integer({ min: 1, max: 500 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('pass' as const), milliseconds: fc.integer({ max: 300, min: 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('cancel' as const), index: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('reload' as const), maxKeys: fc.integer({ min: 1, max: 3 }) }),
  },
);

/** What a master granted and what passed, by limit and key. */
class Books {
  readonly #granted = new Map<string, number>();
  readonly #spent = new Map<string, number>();

  grant(limit: string, key: string, tokens: number): void {
    this.#add(this.#granted, `${limit} ${key}`, tokens);
  }

  spend(limits: readonly LimitInForce[], asker: string | null): void {
    for (const { id, keyedBy, cost } of limits) {
      const key = keyedBy === 'route' ? '*' : asker;
      if (key !== null) this.#add(this.#spent, `${id} ${key}`, cost);
    }
  }

  check(): void {
    for (const [key, spent] of this.#spent) assert.ok(spent <= (this.#granted.get(key) ?? 0), key);
  }

  #add(tokens: Map<string, number>, key: string, more: number): void {
    tokens.set(key, (tokens.get(key) ?? 0) + more);
  }
}

class Run {
  readonly edge: AdmissionHarness;
  readonly asked: Asked[] = [];
  readonly cancelled = new Set<Asked>();
  readonly #books = new Books();

  constructor(outage: 'local' | 'refuse') {
    this.edge = new AdmissionHarness({ outage, maxKeys: 2 });
  }

  take(next: Step): void {
    const { edge } = this;
    if (next.does === 'ask') this.#ask(lists[next.list] ?? [], next.client);
    else if (next.does === 'answer') this.#answer(next.shares, next.retryMs);
    else if (next.does === 'pass') edge.clock.pass(next.milliseconds);
    else if (next.does === 'cancel') this.#cancel(this.asked[next.index]);
    else
      edge.admission.adopt(
        { ...shipped, outage: 'refuse', maxKeys: next.maxKeys },
        new Set(lists[2]?.map(({ id }) => id)),
      );
  }

  checkBooks(): void {
    this.#books.check();
  }

  /** Whatever is left has its answer, or is overdue. */
  settle(): void {
    for (let round = 0; round < 10; round++) this.edge.clock.pass(1000);
  }

  #ask(limits: readonly LimitInForce[], asker: string | null): void {
    const asked = new Asked();
    asked.onAnswer = () => {
      if (asked.state === 'passes') this.#books.spend(limits, asker);
    };
    this.asked.push(asked);
    this.edge.ask(limits, asker, asked);
  }

  #answer(shares: readonly number[], retryMs: number): void {
    this.edge.clock.endTurn();
    const next = this.edge.batches[0];
    if (next === undefined) return;
    const grants = next.takes.map(([limit, key, tokens], index): Grant => {
      const granted = Math.floor(tokens * (shares[index] ?? 1));
      this.#books.grant(limit, key, granted);
      return [granted, granted < tokens ? retryMs : 0];
    });
    this.edge.answer(...grants);
  }

  #cancel(asked: Asked | undefined): void {
    if (asked === undefined || asked.answers.length > 0) return;
    this.edge.admission.cancel(asked);
    this.cancelled.add(asked);
  }
}

describe('whatever comes in whatever order', () => {
  it('no key passes more than the master granted, and all who wait are answered once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const run = new Run('refuse');
        for (const next of steps) {
          run.take(next);
          run.checkBooks();
        }
        run.settle();
        run.checkBooks();
        for (const asked of run.asked) {
          assert.equal(asked.answers.length, run.cancelled.has(asked) ? 0 : 1);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('all who wait are answered once, also where an outage lets them pass', () => {
    fc.assert(
      fc.property(fc.array(step.filter(({ does }) => does !== 'answer' && does !== 'reload')), (steps) => {
        const run = new Run('local');
        for (const next of steps) run.take(next);
        run.settle();
        for (const asked of run.asked) {
          assert.equal(asked.state, run.cancelled.has(asked) ? 'waits' : 'passes');
        }
      }),
    );
  });
});
