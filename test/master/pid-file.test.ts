import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { PidFile, PidFileError } from '../../src/master/pid-file.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pid-file-'));
  path = join(folder, 'pid');
});
afterEach(() => rmSync(folder, { recursive: true }));

const own = `${process.pid}\n`;

/** A process that lives and shows this in `ps`. */
async function otherProcess(title: string): Promise<{ readonly pid: number; end(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log()'], { argv0: title });
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    end: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('a pid file', () => {
  it('holds the number of this process, is readable by all, and goes with it', () => {
    const file = PidFile.create(path);
    assert.equal(readFileSync(path, 'latin1'), own);
    assert.equal(statSync(path).mode & 0o777, 0o644 & ~process.umask());
    assert.deepEqual(readdirSync(folder), ['pid']);
    file.unlink();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('of a master that lives refuses a second one, in the words of Gunicorn', async () => {
    const master = await otherProcess('portcullis: master [shop] serving');
    try {
      writeFileSync(path, `${master.pid}\n`);
      assert.throws(() => PidFile.create(path), {
        name: 'PidFileError',
        message: `Already running on PID ${master.pid} (or pid file '${path}' is stale)`,
      });
      assert.equal(readFileSync(path, 'latin1'), `${master.pid}\n`);
      assert.deepEqual(readdirSync(folder), ['pid']);
    } finally {
      await master.end();
    }
    PidFile.create(path);
    assert.equal(readFileSync(path, 'latin1'), own);
  });

  it('whose number another program has now is stale', async () => {
    const other = await otherProcess('postgres: writer');
    try {
      writeFileSync(path, `${other.pid}\n`);
      PidFile.create(path);
      assert.equal(readFileSync(path, 'latin1'), own);
    } finally {
      await other.end();
    }
  });

  for (const [what, content] of [
    ['empty', ''],
    ['no number', 'x\n'],
    ['our own number, as of a container that was started again', own],
  ] as const) {
    it(`that holds ${what} is replaced`, () => {
      writeFileSync(path, content);
      PidFile.create(path);
      assert.equal(readFileSync(path, 'latin1'), own);
    });
  }

  it('is never written through a link', () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'precious');
    symlinkSync(target, path);
    assert.throws(() => PidFile.create(path), /it is no ordinary file/);
    assert.equal(readFileSync(target, 'latin1'), 'precious');
  });

  it('says why it cannot be written', () => {
    assert.throws(() => PidFile.create(join(folder, 'no', 'pid')), /its directory does not exist \(ENOENT\)/);
  });

  it('moves out of the way of a new master, and leaves what that one has written', () => {
    const file = PidFile.create(path);
    file.rename(`${path}.oldbin`);
    assert.equal(readFileSync(`${path}.oldbin`, 'latin1'), own);
    writeFileSync(path, '1\n');
    file.unlink();
    assert.ok(!existsSync(`${path}.oldbin`));
    assert.equal(readFileSync(path, 'latin1'), '1\n');
  });

  it('takes the place of the old one when that has gone', () => {
    const file = PidFile.create(`${path}.2`);
    file.rename(path);
    assert.deepEqual(readdirSync(folder), ['pid']);
    assert.equal(file.path, path);
  });

  it('that somebody else has written over stays as it is', () => {
    const file = PidFile.create(path);
    writeFileSync(path, '1\n');
    assert.throws(() => file.rename(`${path}.oldbin`), PidFileError);
    file.unlink();
    assert.equal(readFileSync(path, 'latin1'), '1\n');
  });
});
