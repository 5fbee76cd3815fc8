import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChildExit, ChildState } from '../../src/master/child-handle.ts';
import { ChildPool, type PoolChild, type PoolChildEvents, type StartChild } from '../../src/master/child-pool.ts';
import { LogLines } from '../support/log-lines.ts';

/** A child that does what the test says, and keeps what its pool says. */
class StubChild implements PoolChild {
  readonly pid: number;
  readonly livedMs = 0;
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

/** Changes begin in a turn of their own. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A pool of so many children that have booted. */
function bootedPool(size: number, servesAtOnce = false) {
  const children: StubChild[] = [];
  const inPlace: StubChild[] = [];
  const log = new LogLines();
  const start: StartChild<StubChild> = (events) => {
    const child = new StubChild(children.length + 1, events);
    children.push(child);
    return child;
  };
  const pool = new ChildPool<StubChild>(
    { name: 'Worker', bootExitCode: 3, servesAtOnce, log: log.log, start },
    {
      serving: (child) => inPlace.push(child),
      booted: () => {},
      bootFailed: () => assert.fail('the boot failed'),
    },
  );
  pool.start(size);
  for (const child of [...children]) child.serve();
  const child = (number: number): StubChild => {
    const found = children[number - 1];
    assert.ok(found !== undefined, `child ${number} was not started`);
    return found;
  };
  return { pool, child, log, start, inPlace, started: () => children.length };
}

describe('a child that is replaced', () => {
  it('drains once the other one serves, and not before', async () => {
    const { pool, child } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    await turn();
    assert.deepEqual(child(1).told, []);
    child(2).serve();
    assert.deepEqual(child(1).told, ['drain']);
    assert.equal(await replaced, 'done');
    child(1).end();
    assert.deepEqual(pool.all, [child(2)]);
  });

  it('goes on where the other one does not boot, and nobody is started again for that', async () => {
    const { pool, child, started } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    await turn();
    const failure = { type: 'failed', exitCode: 4, message: 'it is broken' } as const;
    child(2).end({ code: 4, failure });
    assert.deepEqual(await replaced, failure);
    assert.deepEqual([child(1).told, pool.serving, started()], [[], [child(1)], 2]);
  });

  it('is started again where it dies meanwhile, for as long as the other one needs', async () => {
    const { pool, child, log, started } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    await turn();
    child(1).end({ code: null, signal: 'SIGKILL' });
    while (started() < 3) await turn();
    assert.deepEqual(log.lines, ['[ERROR] Worker (pid:1) was sent SIGKILL! Perhaps out of memory?']);
    child(3).serve();
    child(2).serve();
    assert.equal(await replaced, 'done');
    assert.deepEqual([child(3).told, pool.serving], [['drain'], [child(2)]]);
  });

  it('is not replaced twice, nor when it leaves already', async () => {
    const { pool, child, started } = bootedPool(2);
    const first = pool.replace(child(1), 1_000);
    const second = pool.replace(child(1), 1_000);
    await turn();
    child(3).serve();
    assert.deepEqual([await first, await second, started()], ['done', 'none', 3]);
    pool.shrink(1_000);
    assert.equal(await pool.replace(child(3), 1_000), 'none');
  });

  it('takes the other one along where the pool shrinks', async () => {
    const { pool, child } = bootedPool(2);
    const replaced = pool.replace(child(2), 1_000);
    await turn();
    pool.shrink(1_000);
    child(3).serve();
    assert.equal(await replaced, 'none');
    assert.deepEqual([child(2).told, child(3).told], [['drain'], ['drain']]);
    child(2).end();
    child(3).end();
    assert.deepEqual(pool.all, [child(1)]);
  });

  it('is no reason to wait at the end', async () => {
    const { pool, child } = bootedPool(1);
    const replaced = pool.replace(child(1), 1_000);
    await turn();
    pool.drain(1_000);
    assert.deepEqual(child(1).told, ['drain']);
    assert.ok(child(2).told.includes('stop'));
    child(2).end();
    child(1).end();
    assert.equal(await replaced, 'none');
    await pool.ended;
  });
});

describe('children that are all renewed', () => {
  it('have their place when the last of them is ready, and then the old ones leave', async () => {
    const { pool, child, start, inPlace } = bootedPool(2);
    const renewed = pool.renew(3, start, 1_000);
    await turn();
    child(3).serve();
    child(5).serve();
    assert.deepEqual([pool.serving, inPlace.length], [[child(1), child(2)], 2]);
    child(4).serve();
    assert.equal(await renewed, 'done');
    assert.deepEqual([child(1).told, child(2).told], [['drain'], ['drain']]);
    assert.deepEqual(inPlace.slice(2), [child(3), child(4), child(5)]);
    assert.equal(pool.size, 3);
  });

  it('serve as soon as they are ready where clients may come at once', async () => {
    const { pool, child, start, inPlace } = bootedPool(1, true);
    const renewed = pool.renew(2, start, 1_000);
    await turn();
    child(2).serve();
    assert.deepEqual(
      [pool.serving, inPlace],
      [
        [child(1), child(2)],
        [child(1), child(2)],
      ],
    );
    child(3).end({ code: 1 });
    assert.equal(typeof (await renewed), 'object');
    assert.deepEqual([child(1).told, child(2).told], [[], ['drain']], 'it may have clients');
  });

  it('all go where one of them does not boot', async () => {
    const { pool, child, start } = bootedPool(2);
    const renewed = pool.renew(2, start, 1_000);
    await turn();
    child(3).serve();
    child(4).end({ code: 3 });
    assert.deepEqual(await renewed, { exitCode: 3, message: 'Worker (pid:4) exited with code 3 while it was booting' });
    assert.deepEqual([child(1).told, child(2).told, child(3).told], [[], [], ['drain']]);
  });

  it('can be none, until there are some again', async () => {
    const { pool, child, start } = bootedPool(1);
    assert.equal(await pool.renew(0, start, 1_000), 'done');
    const emptied = pool.emptied();
    child(1).end();
    await emptied;
    const renewed = pool.renew(1, start, 1_000);
    await turn();
    child(2).serve();
    assert.equal(await renewed, 'done');
    assert.deepEqual(pool.serving, [child(2)]);
  });

  const asked = [
    { behaviour: 'are one more where one more was asked for meanwhile', grown: 1, shrunk: 0, kept: 3 },
    { behaviour: 'are one fewer where one fewer was asked for meanwhile', grown: 0, shrunk: 1, kept: 1 },
    { behaviour: 'are never fewer than one', grown: 0, shrunk: 3, kept: 1 },
    { behaviour: 'are as many where one more and one fewer were asked for', grown: 1, shrunk: 1, kept: 2 },
  ];
  for (const { behaviour, grown, shrunk, kept } of asked) {
    it(behaviour, async () => {
      const { pool, child, start } = bootedPool(2);
      const renewed = pool.renew(2, start, 1_000);
      await turn();
      for (let times = 0; times < grown; times += 1) pool.grow();
      for (let times = 0; times < shrunk; times += 1) pool.shrink(1_000);
      child(3).serve();
      child(4).serve();
      assert.equal(await renewed, 'done');
      assert.equal(pool.size, kept);
    });
  }

  it('come one change after the other', async () => {
    const { pool, child, start, started } = bootedPool(1);
    const first = pool.renew(1, start, 1_000);
    const second = pool.renew(1, start, 1_000);
    await turn();
    assert.equal(started(), 2);
    child(2).serve();
    await first;
    await turn();
    child(3).serve();
    await second;
    assert.deepEqual(child(2).told, ['drain']);
  });
});
