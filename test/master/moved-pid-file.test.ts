import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Program } from '../support/program.ts';
import { linkedWorkers, startStubMaster } from './stub-master.ts';

describe('a reload with another pid file', () => {
  let folder = '';
  let master: Program;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'moved-pid-file-'));
    const reloads = join(folder, 'reloads.json');
    writeFileSync(reloads, '{}');
    master = startStubMaster({ pidFile: join(folder, 'first.pid'), reloads });
    await linkedWorkers(await master.port(), 1);
  });
  after(async () => {
    await master.stop();
    rmSync(folder, { recursive: true });
  });
  const reloadWith = async (pidFile: string | null, count: number): Promise<void> => {
    writeFileSync(join(folder, 'reloads.json'), JSON.stringify({ pidFile }));
    master.signal('SIGHUP');
    // The last line of a reload: the file has moved by then.
    await master.logged(/Application reloaded/, count);
  };

  it('moves it', async () => {
    await reloadWith(join(folder, 'second.pid'), 1);
    assert.equal(readFileSync(join(folder, 'second.pid'), 'latin1'), `${master.pid}\n`);
    assert.ok(!existsSync(join(folder, 'first.pid')));
  });

  it('that cannot be written keeps the old one, and says why', async () => {
    await reloadWith(join(folder, 'nowhere', 'pid'), 2);
    await master.logged(/\[ERROR\] Cannot write the pid file .*: its directory does not exist \(ENOENT\)/);
    assert.ok(existsSync(join(folder, 'second.pid')));
  });

  it('ends with none where none is asked for', async () => {
    await reloadWith(null, 3);
    assert.deepEqual(readdirSync(folder), ['reloads.json']);
  });
});
