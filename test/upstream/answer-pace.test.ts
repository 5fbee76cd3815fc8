import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AnswerPace } from '../../src/upstream/answer-pace.ts';

/** A worker with one thread that has answered twenty requests, one every `tookMs`; answers the clock. */
function afterTwenty(pace: AnswerPace, tookMs: number): number {
  let nowMs = 1_000;
  pace.sent(nowMs, 0);
  for (let answer = 0; answer < 20; answer++) {
    nowMs += tookMs;
    pace.answered(nowMs);
  }
  return nowMs;
}

/** How many may wait at once. */
function mostWaiting(pace: AnswerPace, nowMs: number): number {
  let waiting = 0;
  while (waiting < 1_000 && pace.mayWait(nowMs, waiting)) waiting++;
  return waiting;
}

describe('what may wait at a busy worker', () => {
  const cases: readonly { readonly tookMs: number; readonly waiting: number }[] = [
    { tookMs: 0, waiting: 64 },
    { tookMs: 0.02, waiting: 64 },
    { tookMs: 0.5, waiting: 4 },
    { tookMs: 2, waiting: 1 },
    { tookMs: 2.1, waiting: 0 },
    { tookMs: 100, waiting: 0 },
  ];
  for (const { tookMs, waiting } of cases) {
    it(`is ${waiting} where an answer takes ${tookMs} ms`, () => {
      const pace = new AnswerPace();
      assert.equal(mostWaiting(pace, afterTwenty(pace, tookMs)), waiting);
    });
  }

  it('is nothing before the first answer', () => {
    const pace = new AnswerPace();
    pace.sent(1_000, 0);
    assert.equal(pace.mayWait(1_000, 0), false);
  });

  it('is nothing once a quick worker has been silent for longer than 5 ms', () => {
    const pace = new AnswerPace();
    const nowMs = afterTwenty(pace, 0.1);
    assert.equal(pace.mayWait(nowMs + 5, 0), true);
    assert.equal(pace.mayWait(nowMs + 5.1, 0), false);
  });

  it('does not take an idle time for a slow answer', () => {
    const pace = new AnswerPace();
    const nowMs = afterTwenty(pace, 0.1) + 60_000;
    pace.sent(nowMs, 0);
    pace.answered(nowMs + 0.1);
    assert.equal(mostWaiting(pace, nowMs + 0.1), 20);
  });

  it('is what it was soon after one long pause', () => {
    const pace = new AnswerPace();
    let nowMs = afterTwenty(pace, 0.1) + 10_000;
    pace.answered(nowMs);
    assert.equal(pace.mayWait(nowMs, 0), false);
    for (let answer = 0; answer < 30; answer++) {
      nowMs += 0.1;
      pace.answered(nowMs);
    }
    assert.ok(mostWaiting(pace, nowMs) >= 10);
  });
});
