import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChildExit, ChildState } from '../../src/master/child-handle.ts';
import { ChildPool, type PoolChild, type PoolChildEvents } from '../../src/master/child-pool.ts';
import { LogLines } from '../support/log-lines.ts';

/** A child that does what the test says, and keeps what its pool says. */
class StubChild implements PoolChild {
  readonly pid: number;
  state: ChildState = 'booting';
  readonly told: string[] = [];
  readonly #events: PoolChildEvents;

  constructor(pid: number, events: PoolChildEvents) {
    this.pid = pid;
    this.#events = events;
  }

  serve(): void {
    this.state = 'serving';
    this.#events.serving();
  }

  end(exit: Partial<ChildExit> = {}): void {
    const stateBefore = this.state;
    this.state = 'gone';
    this.#events.gone({
      code: 0,
      signal: null,
      failure: null,
      killedBecause: null,
      stateBefore,
      livedMs: 60_000,
      ...exit,
    });
  }

  drain(): void {
    this.told.push('drain');
    this.state = 'draining';
  }

  stop(): void {
    this.told.push('stop');
    this.state = 'stopping';
  }

  kill(): void {
    this.told.push('kill');
  }
}

/** A pool of so many children that have booted. */
function bootedPool(size: number) {
  const children: StubChild[] = [];
  const log = new LogLines();
  const pool = new ChildPool<StubChild>(
    {
      name: 'Worker',
      bootExitCode: 3,
      log: log.log,
      start: (events) => {
        const child = new StubChild(children.length + 1, events);
        children.push(child);
        return child;
      },
    },
    { serving: () => {}, booted: () => {}, bootFailed: () => assert.fail('the boot failed') },
  );
  pool.start(size);
  for (const child of [...children]) child.serve();
  const child = (number: number): StubChild => {
    const found = children[number - 1];
    assert.ok(found !== undefined, `child ${number} was not started`);
    return found;
  };
  return { pool, child, log, started: () => children.length };
}

describe('a child that is replaced', () => {
  it('drains once the other one serves, and not before', async () => {
    const { pool, child } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    assert.deepEqual(child(1).told, []);
    child(2).serve();
    assert.deepEqual(child(1).told, ['drain']);
    assert.equal(await replaced, true);
    child(1).end();
    assert.deepEqual(pool.all, [child(2)]);
  });

  it('goes on where the other one does not boot, and nobody is started again for that', async () => {
    const { pool, child, log, started } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    child(2).end({ code: 4, failure: { type: 'failed', exitCode: 4, message: 'it is broken' } });
    assert.equal(await replaced, false);
    assert.deepEqual([child(1).told, pool.serving, started()], [[], [child(1)], 2]);
    assert.deepEqual(log.lines, ['[ERROR] it is broken', '[ERROR] Worker (pid:2) exited with code 4']);
  });

  it('is replaced by the same one where it dies meanwhile', async () => {
    const { pool, child, started } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    child(1).end({ code: null, signal: 'SIGKILL' });
    assert.equal(await replaced, true);
    child(2).serve();
    assert.deepEqual([pool.serving, started()], [[child(2)], 2]);
  });

  it('is not replaced twice, nor when it leaves already', async () => {
    const { pool, child, started } = bootedPool(2);
    void pool.replace(child(1), 1_000);
    assert.equal(await pool.replace(child(1), 1_000), false);
    pool.shrink(1_000);
    assert.equal(await pool.replace(child(2), 1_000), false);
    assert.equal(started(), 3);
  });

  it('takes the other one along where the pool shrinks', async () => {
    const { pool, child } = bootedPool(2);
    const replaced = pool.replace(child(2), 1_000);
    pool.shrink(1_000);
    assert.equal(await replaced, false);
    assert.deepEqual([child(2).told, child(3).told], [['drain'], ['stop']]);
    child(2).end();
    child(3).end();
    assert.deepEqual(pool.all, [child(1)]);
  });

  it('is no reason to wait at the end', async () => {
    const { pool, child } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    pool.drain(1_000);
    assert.deepEqual([child(1).told, child(2).told], [['drain'], ['stop']]);
    child(2).end();
    child(1).end();
    assert.equal(await replaced, false);
    await pool.ended;
  });
});
