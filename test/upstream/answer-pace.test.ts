import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AnswerPace } from '../../src/upstream/answer-pace.ts';

const answeredMs = 1_000;

/** A worker that has just answered, and has said twenty times how long its application takes. */
function worker(tookMs: number, threads = 1): AnswerPace {
  const pace = new AnswerPace(threads);
  pace.answered(answeredMs);
  for (let time = 0; time < 20; time++) pace.told(tookMs * 1000);
  return pace;
}

/** How many may wait at once. */
function mostWaiting(pace: AnswerPace, nowMs = answeredMs): number {
  let waiting = 0;
  while (waiting < 1_000 && pace.mayWait(nowMs, waiting)) waiting++;
  return waiting;
}

describe('what may wait at a busy worker', () => {
  const cases: readonly { readonly tookMs: number; readonly threads?: number; readonly waiting: number }[] = [
    { tookMs: 0, waiting: 64 },
    { tookMs: 0.02, waiting: 64 },
    { tookMs: 0.5, waiting: 4 },
    { tookMs: 2, waiting: 1 },
    { tookMs: 2.1, waiting: 0 },
    { tookMs: 100, waiting: 0 },
    { tookMs: 2, threads: 4, waiting: 4 },
    { tookMs: 10, threads: 4, waiting: 0 },
  ];
  for (const { tookMs, threads = 1, waiting } of cases) {
    it(`is ${waiting} where the application takes ${tookMs} ms in each of ${threads} threads`, () => {
      assert.equal(mostWaiting(worker(tookMs, threads)), waiting);
    });
  }

  it('is nothing before the worker has said how long it takes', () => {
    const pace = new AnswerPace(1);
    pace.sent(answeredMs, 0);
    pace.answered(answeredMs);
    assert.equal(mostWaiting(pace), 0);
  });

  it('is nothing once a quick worker has been silent for longer than 5 ms', () => {
    const pace = worker(0.1);
    assert.equal(pace.mayWait(answeredMs + 5, 0), true);
    assert.equal(pace.mayWait(answeredMs + 5.1, 0), false);
  });

  it('does not take an idle time for silence', () => {
    const pace = worker(0.1);
    pace.sent(answeredMs + 60_000, 0);
    assert.equal(mostWaiting(pace, answeredMs + 60_000), 20);
  });

  it('is what it was soon after one slow request', () => {
    const pace = worker(0.1);
    pace.told(10_000_000);
    assert.equal(mostWaiting(pace), 0);
    for (let time = 0; time < 30; time++) pace.told(100);
    assert.ok(mostWaiting(pace) >= 10);
  });
});
