import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AdmissionHarness, Asked, shipped, states } from './admission-harness.ts';
import { inForce } from './limits.ts';

/** Leases 20 tokens, and gains one each 10 ms. */
const limits = inForce({});
const exact = inForce({ accuracy: 'exact' });

let edge: AdmissionHarness;
beforeEach(() => {
  edge = new AdmissionHarness();
});

describe('a request under a rate limit', () => {
  it('waits for the first lease of its key, and passes with it', () => {
    const asked = edge.ask(limits);
    assert.equal(asked.state, 'waits');
    edge.answer();
    assert.equal(asked.state, 'passes');
  });

  it('passes at once as long as the lease lasts, and asks nobody', () => {
    edge.ask(limits);
    edge.answer();
    const asked = edge.askTimes(19, limits);
    assert.equal(states(asked), Array(19).fill('passes').join(' '));
    assert.equal(edge.asksFor, '');
    assert.equal(edge.ask(limits).state, 'waits');
  });

  it('is counted by its own key alone', () => {
    edge.ask(limits, 'a');
    edge.answer([0, 5000]);
    assert.equal(edge.ask(limits, 'a').state, 'rate.exceeded');
    const other = edge.ask(limits, 'b');
    assert.equal(edge.asksFor, 'b:20');
    edge.answer();
    assert.equal(other.state, 'passes');
  });

  it('passes where nobody knows whose it is', () => {
    assert.equal(edge.ask(limits, null).state, 'passes');
    assert.equal(edge.asksFor, '');
  });

  it('takes its cost', () => {
    const costly = inForce({ cost: 8 });
    const asked = edge.askTimes(2, costly);
    edge.answer([20, 0]);
    assert.equal(states(asked), 'passes passes');
    assert.equal(edge.ask(costly).state, 'waits');
  });

  it('takes tokens of all its limits', () => {
    const both = inForce({}, { name: 'all', key: 'route', burst: 32 });
    const first = edge.ask(both, 'a');
    edge.answer();
    assert.equal(first.state, 'waits');
    assert.equal(edge.asksFor, '*:2');
    edge.answer();
    assert.equal(first.state, 'passes');
    assert.equal(edge.ask(both, 'a').state, 'passes');
    assert.equal(edge.ask(both, 'a').state, 'waits');
  });
});

describe('what the master is asked', () => {
  it('comes in one message for all that asked in one turn', () => {
    edge.ask(limits, 'a');
    edge.ask(limits, 'b');
    edge.ask(inForce({ name: 'all', key: 'route', burst: 16 }), 'c');
    assert.equal(edge.asksFor, 'a:20 b:20 *:1');
    assert.equal(edge.batches.length, 1);
  });

  it('is once for a key, and enough for all who wait', () => {
    edge.askTimes(30, limits);
    assert.equal(edge.asksFor, 'a:30');
  });

  it('is what the request takes, where the limit is exact', () => {
    edge.askTimes(3, exact);
    assert.equal(edge.asksFor, 'a:3');
    edge.answer();
    assert.equal(edge.ask(exact).state, 'waits');
  });

  it('is never more than a master takes for a number of tokens', () => {
    edge.askTimes(3, inForce({ cost: 600_000_000, burst: 600_000_000 }));
    assert.equal(edge.asksFor, 'a:1000000000');
  });

  it('is asked again for those that came too late for the last time', () => {
    const early = edge.ask(exact);
    edge.clock.endTurn();
    const late = edge.askTimes(2, exact);
    edge.answer();
    assert.equal(early.state, 'passes');
    assert.equal(states(late), 'waits waits');
    assert.equal(edge.asksFor, 'a:2');
    edge.answer();
    assert.equal(states(late), 'passes passes');
  });

  it('is nothing while a refusal holds', () => {
    edge.ask(limits);
    edge.answer([0, 5000]);
    edge.clock.pass(4999);
    assert.equal(edge.ask(limits).state, 'rate.exceeded');
    assert.equal(edge.asksFor, '');
    edge.clock.pass(1);
    assert.equal(edge.ask(limits).state, 'waits');
    assert.equal(edge.asksFor, 'a:20');
  });
});

describe('tokens', () => {
  it('go to those who wait in their order; the others are refused', () => {
    const asked = edge.askTimes(5, limits);
    edge.answer([2, 1500]);
    assert.equal(states(asked), 'passes passes rate.exceeded rate.exceeded rate.exceeded');
  });

  it('that are left go first to those who come; only who needs more is one request too many', () => {
    edge.ask(limits);
    edge.answer([3, 5000]);
    const asked = edge.askTimes(3, limits);
    assert.equal(states(asked), 'passes passes waits');
    edge.answer([0, 5000]);
    assert.equal(states(asked), 'passes passes rate.exceeded');
    assert.equal(edge.ask(limits).state, 'rate.exceeded');
  });

  it('that are left are held as long as the bucket takes to gain them', () => {
    edge.ask(limits);
    edge.answer();
    edge.clock.pass(199);
    assert.equal(edge.ask(limits).state, 'passes');
    edge.clock.pass(1);
    assert.equal(edge.ask(limits).state, 'waits');
  });

  it('that are left are held for 100 ms at least', () => {
    const fast = inForce({ requests: 1_000_000, burst: 32 });
    edge.ask(fast);
    edge.answer();
    edge.clock.pass(99);
    assert.equal(edge.ask(fast).state, 'passes');
  });

  it('too few for one request are kept until it can have the rest', () => {
    const costly = inForce({ requests: 1, burst: 3, cost: 3 });
    const first = edge.ask(costly);
    edge.answer([1, 1000]);
    assert.equal(first.state, 'rate.exceeded');
    assert.match(first.rejection?.fields ?? '', /^Retry-After: 2\r\n/);
    edge.clock.pass(2000);
    const second = edge.ask(costly);
    edge.answer([2, 1000]);
    assert.equal(second.state, 'passes');
  });

  it('are not spent where another limit is known to refuse', () => {
    const all = { name: 'all', key: 'route', burst: 1 } as const;
    const both = inForce({ burst: 32 }, all);
    edge.ask(both, 'a');
    edge.answer();
    edge.answer([0, 10]);
    assert.equal(edge.ask(both, 'a').state, 'rate.exceeded');
    assert.equal(edge.ask(inForce({ burst: 32 }), 'a').state, 'passes');
  });

  it('that all share are not asked for by requests above the limit of their client', () => {
    edge.askTimes(50, inForce({}, { name: 'all', key: 'route' }));
    edge.answer([1, 1000]);
    assert.equal(edge.asksFor, '*:20');
  });

  it('of the key that was quiet for longest are forgotten where there are too many keys', () => {
    edge = new AdmissionHarness({ maxKeys: 2 });
    for (const client of ['a', 'b', 'a', 'c']) {
      if (edge.ask(limits, client).waited) edge.answer();
    }
    assert.equal(edge.ask(limits, 'a').state, 'passes');
    assert.equal(edge.ask(limits, 'b').state, 'waits');
  });

  it('reach those who wait, though their key was forgotten meanwhile', () => {
    edge = new AdmissionHarness({ maxKeys: 1 });
    const asked = [edge.ask(limits, 'a'), edge.ask(limits, 'b'), edge.ask(limits, 'a')];
    assert.equal(edge.asksFor, 'a:20 b:20 a:20');
    edge.answer();
    assert.equal(states(asked), 'passes passes passes');
  });
});

describe('a refusal', () => {
  const cases = [
    { behaviour: 'rounds up', retryMs: 2001, seconds: 3 },
    { behaviour: 'says whole seconds as they are', retryMs: 2000, seconds: 2 },
    { behaviour: 'never says 0', retryMs: 1, seconds: 1 },
    { behaviour: 'says a block', retryMs: 60_000, seconds: 60 },
  ];
  for (const { behaviour, retryMs, seconds } of cases) {
    it(behaviour, () => {
      const asked = edge.ask(limits);
      edge.answer([0, retryMs]);
      assert.deepEqual(asked.rejection, {
        rule: 'rate.exceeded',
        status: 429,
        pointer: '/rateLimits',
        detail: 'more than 100 per 1s (per-client)',
        fields: `Retry-After: ${seconds}\r\nRateLimit-Policy: "per-client";q=100;w=1\r\nRateLimit: "per-client";r=0;t=${seconds}\r\n`,
      });
    });
  }

  it('counts down', () => {
    edge.ask(limits);
    edge.answer([0, 60_000]);
    edge.clock.pass(40_500);
    assert.match(edge.ask(limits).rejection?.fields ?? '', /^Retry-After: 20\r\n/);
  });
});

describe('a master that does not answer', () => {
  it('lets requests pass where the policy says so, and is asked for no more', () => {
    const asked = edge.ask(limits);
    edge.clock.endTurn();
    edge.clock.pass(200);
    assert.equal(asked.state, 'passes');
    assert.equal(edge.ask(limits, 'b').state, 'passes');
    edge.clock.endTurn();
    assert.equal(edge.batches.length, 1);
    assert.deepEqual(edge.lines, ['The master has not answered about rate limits for 200 ms']);
  });

  it('that cannot say is not asked again for as long as it said, and nobody is blamed', () => {
    const asked = edge.ask(limits);
    edge.answer([-1, 1000]);
    assert.equal(asked.state, 'rate.unknown');
    edge.clock.pass(999);
    assert.equal(edge.ask(limits).state, 'rate.unknown');
    edge.clock.pass(1);
    assert.equal(edge.ask(limits).state, 'waits');
  });

  it('lets them be refused where the policy says so', () => {
    edge = new AdmissionHarness({ outage: 'refuse' });
    const asked = edge.ask(limits);
    edge.clock.endTurn();
    edge.clock.pass(200);
    assert.equal(asked.state, 'rate.unknown');
    assert.equal(edge.ask(limits, 'b').state, 'rate.unknown');
  });

  it('takes no tokens that were leased before', () => {
    edge = new AdmissionHarness({ outage: 'refuse' });
    edge.ask(inForce({ requests: 1 }), 'a');
    edge.answer();
    edge.ask(limits, 'b');
    edge.clock.endTurn();
    edge.clock.pass(200);
    assert.equal(edge.ask(inForce({ requests: 1 }), 'a').state, 'passes');
  });

  it('is asked again once it has answered, and its late tokens are lost', () => {
    edge.ask(limits);
    edge.clock.endTurn();
    edge.clock.pass(200);
    edge.answer();
    const asked = edge.ask(limits);
    assert.equal(asked.state, 'waits');
    edge.answer([0, 1000]);
    assert.equal(asked.state, 'rate.exceeded');
    assert.equal(edge.lines[1], 'The master answers about rate limits again');
  });

  it('is not late where its answer lies there unread', () => {
    const asked = edge.ask(limits);
    edge.clock.endTurn();
    const batch = edge.batches[0]?.batch ?? 0;
    // Timers run first, then what has come is read, then the turn ends.
    edge.clock.after(200, () => edge.admission.answer(batch, [[0, 1000]]));
    edge.clock.pass(200);
    assert.equal(asked.state, 'rate.exceeded');
    assert.deepEqual(edge.lines, []);
  });

  it('leaves no timer behind once it has answered', () => {
    edge.ask(limits);
    edge.answer();
    assert.equal(edge.clock.timers, 0);
  });
});

describe('waiting', () => {
  it('has a bound', () => {
    edge = new AdmissionHarness({ maxWaiting: 2 });
    assert.equal(states(edge.askTimes(3, limits)), 'waits waits overload.queue');
    edge.answer();
    assert.equal(edge.askTimes(18, limits).at(-1)?.state, 'passes');
    assert.equal(edge.ask(limits).state, 'waits');
  });

  it('counts those that left, until they would have been answered', () => {
    edge = new AdmissionHarness({ maxWaiting: 1 });
    edge.admission.cancel(edge.ask(exact));
    assert.equal(edge.ask(exact).state, 'overload.queue');
    edge.answer();
    assert.equal(edge.ask(exact).state, 'waits');
  });

  it('ends without a word for who has left, whose tokens are spent', () => {
    const gone = edge.ask(limits);
    const next = edge.ask(limits);
    edge.admission.cancel(gone);
    edge.answer([1, 1000]);
    assert.equal(gone.state, 'waits');
    assert.equal(next.state, 'rate.exceeded');
  });

  it('does not take the place of a later request of the same sink', () => {
    const sink = new Asked();
    edge.ask(exact, 'a', sink);
    edge.admission.cancel(sink);
    edge.ask(exact, 'b', sink);
    edge.answer([1, 0], [0, 1000]);
    assert.deepEqual(
      sink.answers.map((answer) => (answer === 'passes' ? answer : answer.rule)),
      ['rate.exceeded'],
    );
  });

  it('may be answered by the next request', () => {
    const asked = edge.ask(exact);
    let next: Asked | undefined;
    asked.onAnswer = () => {
      next = edge.ask(exact);
    };
    edge.answer();
    assert.equal(next?.state, 'waits');
    edge.answer();
    assert.equal(next?.state, 'passes');
  });
});

describe('a new policy', () => {
  it('leaves the leases of limits that it keeps, and forgets the others', () => {
    const other = inForce({ name: 'other' });
    for (const list of [limits, other]) {
      edge.ask(list);
      edge.answer();
    }
    edge.admission.adopt(shipped, new Set(limits.map(({ id }) => id)));
    assert.equal(edge.ask(limits).state, 'passes');
    assert.equal(edge.ask(other).state, 'waits');
  });

  it('decides how much is leased, also to keys that are known', () => {
    edge.ask(limits);
    edge.answer([1, 0]);
    edge.admission.adopt(shipped, new Set(exact.map(({ id }) => id)));
    edge.ask(exact);
    assert.equal(edge.asksFor, 'a:1');
  });

  it('bounds the keys at once', () => {
    for (const client of ['a', 'b']) {
      edge.ask(limits, client);
      edge.answer();
    }
    edge.admission.adopt({ ...shipped, maxKeys: 1 }, new Set(limits.map(({ id }) => id)));
    assert.equal(edge.ask(limits, 'b').state, 'passes');
    assert.equal(edge.ask(limits, 'a').state, 'waits');
  });

  it('waits for the master as long as it says', () => {
    edge.admission.adopt({ ...shipped, timeoutMs: 1000 }, new Set());
    const asked = edge.ask(limits);
    edge.clock.endTurn();
    edge.clock.pass(1099);
    assert.equal(asked.state, 'waits');
    edge.clock.pass(1);
    assert.equal(asked.state, 'passes');
  });
});
