import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OneAtATime } from '../../src/master/one-at-a-time.ts';

/** A task whose runs end when the test says so. */
class Task {
  begun = 0;
  #end: () => void = () => {};
  readonly runs = new OneAtATime(() => {
    this.begun += 1;
    return new Promise((resolve) => {
      this.#end = resolve;
    });
  });

  async end(): Promise<void> {
    this.#end();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a task that runs one at a time', () => {
  it('runs once more for all that ask while it runs', async () => {
    const task = new Task();
    task.runs.release();
    assert.equal(task.begun, 0);
    for (let count = 0; count < 5; count++) task.runs.request();
    assert.equal(task.begun, 1);
    await task.end();
    assert.equal(task.begun, 2);
    await task.end();
    assert.equal(task.begun, 2);
    task.runs.request();
    assert.equal(task.begun, 3);
  });

  it('keeps a request until it is released', () => {
    const task = new Task();
    task.runs.request();
    task.runs.request();
    assert.equal(task.begun, 0);
    task.runs.release();
    assert.equal(task.begun, 1);
  });

  it('runs no more after the end, whatever was asked for', async () => {
    for (const isReleased of [true, false]) {
      const task = new Task();
      if (isReleased) task.runs.release();
      task.runs.request();
      task.runs.request();
      task.runs.end();
      await task.end();
      task.runs.release();
      task.runs.request();
      assert.equal(task.begun, isReleased ? 1 : 0);
    }
  });
});
