import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineQueue, type LineTarget, type Loss } from '../../src/telemetry/line-queue.ts';
import { LogLines } from '../support/log-lines.ts';

/** Takes a batch when the test lets it. */
class HeldTarget implements LineTarget {
  readonly batches: string[] = [];
  reopened = 0;
  #answer: ((loss: Loss | null) => void) | undefined;
  #arrived: (() => void) | undefined;

  append(lines: Buffer): Promise<Loss | null> {
    this.batches.push(lines.toString('latin1'));
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#arrived?.();
    });
  }

  /** Waits for a batch, then answers it. */
  async answer(loss: Loss | null): Promise<void> {
    if (this.#answer === undefined) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    this.#answer?.(loss);
    this.#answer = undefined;
  }

  async reopen(): Promise<string | null> {
    this.reopened += 1;
    return this.reopened > 1 ? 'EACCES' : null;
  }

  close(): void {}
}

function start() {
  const target = new HeldTarget();
  const { log, lines, matching } = logLines();
  const lost: number[] = [];
  const onLost = (count: number): void => void lost.push(count);
  const lossLine = ({ lines: count, reason }: Loss): string => `lost ${count} ${reason}\n`;
  const queue = new LineQueue(target, { name: 'access log', log, lossLine, encoding: 'latin1', onLost });
  return { target, queue, lines, matching, lost };
}

function logLines() {
  const kept = new LogLines();
  return { log: kept.log, lines: kept.lines, matching: (pattern: RegExp) => kept.matching(pattern) };
}

describe('a queue of lines', () => {
  it('writes those of one turn at once, and those that come meanwhile with the next ones', async () => {
    const { target, queue } = start();
    queue.write('a\n');
    queue.write('b\n');
    await target.answer(null);
    queue.write('c\n');
    queue.write('d\n');
    const settled = queue.settled();
    await target.answer(null);
    await settled;
    assert.deepEqual(target.batches, ['a\nb\n', 'c\nd\n']);
  });

  it('loses what is beyond its bound while the target takes nothing, and then says how much', async () => {
    const { target, queue, lines, lost } = start();
    const line = `${'x'.repeat(1023)}\n`;
    queue.write(line);
    await new Promise((resolve) => setImmediate(resolve));
    for (let count = 0; count < 10_000; count += 1) queue.write(line);
    await target.answer(null);
    await target.answer(null);
    queue.write('again\n');
    const settled = queue.settled();
    await target.answer(null);
    await settled;
    const [first, second, third] = target.batches;
    assert.equal(first, line);
    assert.equal(second?.startsWith('lost 1809 more lines came than could be written\nxxx'), true);
    assert.equal(second?.length, 'lost 1809 more lines came than could be written\n'.length + 8191 * 1024);
    assert.equal(third, 'again\n');
    assert.equal(lines[0], '[ERROR] Lines of the access log are lost: more lines came than could be written');
    assert.ok(
      lines.includes('[WARNING] The access log goes on; 1809 lines were lost: more lines came than could be written'),
    );
    assert.equal(lines.length, 2);
    assert.equal(
      lost.reduce((sum, count) => sum + count),
      1809,
    );
  });

  it('counts what a target loses until it takes lines again', async () => {
    const { target, queue, matching } = start();
    for (const loss of [2, 3]) {
      queue.write('a\nb\n');
      const settled = queue.settled();
      // The second time the line about the first is lost with the others.
      await target.answer({ lines: loss, reason: 'ENOSPC' });
      await settled;
    }
    queue.write('c\n');
    const settled = queue.settled();
    await target.answer(null);
    await settled;
    assert.equal(target.batches.at(-1), 'lost 4 ENOSPC\nc\n');
    assert.equal(matching(/^\[WARNING\] The access log goes on; 4 lines were lost: ENOSPC$/).length, 1);
  });

  it('takes a loss for told where the line about it arrived', async () => {
    const { target, queue } = start();
    for (const loss of [1, 1]) {
      queue.write('a\n');
      const settled = queue.settled();
      await target.answer({ lines: loss, reason: 'ENOSPC' });
      await settled;
    }
    queue.write('b\n');
    const settled = queue.settled();
    await target.answer(null);
    await settled;
    assert.equal(target.batches.at(-1), 'lost 1 ENOSPC\nb\n');
  });

  it('opens its target anew, also without a line, and says what is in the way', async () => {
    const { target, queue, lines } = start();
    queue.reopen();
    await queue.settled();
    queue.reopen();
    await queue.settled();
    assert.equal(target.reopened, 2);
    assert.deepEqual(lines, ['[ERROR] The access log cannot be opened anew, the old file stays: EACCES']);
  });
});
