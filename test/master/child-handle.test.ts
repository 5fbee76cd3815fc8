import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type ChildCommand, type ChildExit, ChildHandle } from '../../src/master/child-handle.ts';
import type { MasterToWorker, WorkerToMaster } from '../../src/process/control-messages.ts';
import { bundledPrograms } from '../support/bundled-programs.ts';
import { within } from '../support/deadline.ts';

const command: ChildCommand = {
  entry: join(bundledPrograms([new URL('./fixtures/worker.ts', import.meta.url)]), 'worker.mjs'),
  title: 'portcullis: worker [test] booting',
  identity: null,
  privateDirectory: null,
  runtime: { kind: 'node', flags: [] },
  environment: process.env,
  workingDirectory: process.cwd(),
  descriptors: [],
  bootMs: 30_000,
};

type Worker = ChildHandle<WorkerToMaster, MasterToWorker>;

/** Starts a stub worker with this behaviour; `act` is called when it serves. */
function lifeOf(behaviour: string, changes: Partial<ChildCommand> = {}, act = (_worker: Worker): void => {}) {
  const life = new Promise<{ readonly worker: Worker; readonly exit: ChildExit }>((resolve) => {
    const worker: Worker = new ChildHandle(
      { ...command, ...changes },
      {
        serving: () => act(worker),
        received: () => {},
        gone: (exit) => resolve({ worker, exit }),
      },
    );
    worker.send({
      type: 'start',
      app: { kind: 'javascript', path: '/nowhere', name: behaviour },
      logLevel: 'info',
      maxRequests: 0,
      tellsFiles: false,
      hooks: null,
      errorLogFormat: 'text',
    });
  });
  return within(30_000, life, () => `the ${behaviour} child is still there`);
}

describe('a child as its master sees it', () => {
  it('is gone with its own status after it was drained', async () => {
    const { worker, exit } = await lifeOf('ready', {}, (child) => child.drain(10_000));
    assert.deepEqual([exit.code, exit.signal, exit.killedBecause, exit.stateBefore], [0, null, null, 'draining']);
    assert.equal(worker.state, 'gone');
    assert.ok(exit.livedMs > 0);
  });

  it('is killed where it does not drain in time', async () => {
    const { exit } = await lifeOf('stubborn', {}, (child) => child.drain(50));
    assert.deepEqual([exit.signal, exit.killedBecause], ['SIGKILL', 'did not finish within 0.05 s']);
  });

  it('is killed where it does not stop', async () => {
    const { exit } = await lifeOf('stubborn', {}, (child) => child.stop());
    assert.deepEqual([exit.signal, exit.killedBecause, exit.stateBefore], ['SIGKILL', 'did not stop', 'stopping']);
  });

  it('is killed where it is not ready in time', async () => {
    const { exit } = await lifeOf('never-ready', { bootMs: 600 });
    assert.deepEqual(
      [exit.signal, exit.killedBecause, exit.stateBefore],
      ['SIGKILL', 'was not ready within 0.6 s', 'booting'],
    );
  });

  it('is killed where it closes its control channel and lives on', async () => {
    const { exit } = await lifeOf('closes-channel');
    assert.equal(exit.signal, 'SIGKILL');
    assert.match(exit.killedBecause ?? '', /control channel/);
  });

  it('gives what it said of its failure, even where it ends at once', async () => {
    const { exit } = await lifeOf('not-booted');
    assert.deepEqual([exit.code, exit.failure?.exitCode, exit.failure?.message], [3, 3, 'No memory.']);
  });

  it('is gone at once where the system cannot start it', async () => {
    // Linux allows 128 KiB for one variable.
    const { worker, exit } = await lifeOf('ready', { environment: { HUGE: 'x'.repeat(200_000) } });
    assert.equal(worker.pid, undefined);
    assert.match(exit.killedBecause ?? '', /could not be started: .*E2BIG/);
  });

  it('takes orders after its end without harm', async () => {
    const { worker } = await lifeOf('exits');
    worker.drain(10);
    worker.stop();
    worker.kill('late');
    worker.send({ type: 'stop' });
    assert.equal(worker.state, 'gone');
  });
});
