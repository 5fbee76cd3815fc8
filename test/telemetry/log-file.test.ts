import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LogFile, prepareLogFile } from '../../src/telemetry/log-file.ts';
import { wholeLines } from '../../src/telemetry/whole-lines.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-file-test-'));
  path = join(folder, 'log');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a log file', () => {
  it('is made, readable for its group, and appended to', async () => {
    const file = new LogFile({ path });
    assert.equal(await file.append(Buffer.from('a\n')), null);
    file.close();
    const again = new LogFile({ path });
    assert.equal(await again.append(Buffer.from('b\n')), null);
    again.close();
    assert.equal(readFileSync(path, 'utf8'), 'a\nb\n');
    assert.equal(statSync(path).mode & 0o777 & ~process.umask(), 0o640 & ~process.umask());
  });

  it('may be a link', async () => {
    symlinkSync(join(folder, 'elsewhere'), path);
    const file = new LogFile({ path });
    assert.equal(await file.append(Buffer.from('a\n')), null);
    file.close();
    assert.equal(readFileSync(join(folder, 'elsewhere'), 'utf8'), 'a\n');
  });

  it('is another one after it was opened anew; what came before is in the old one', async () => {
    const file = new LogFile({ path });
    await file.append(Buffer.from('a\n'));
    renameSync(path, `${path}.1`);
    await file.append(Buffer.from('b\n'));
    assert.equal(await file.reopen(), null);
    await file.append(Buffer.from('c\n'));
    file.close();
    assert.deepEqual([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')], ['a\nb\n', 'c\n']);
  });

  it('stays the old one where the new one cannot be opened', async () => {
    const file = new LogFile({ path: join(folder, 'sub/log') });
    assert.deepEqual(await file.append(Buffer.from('a\nb\n')), { lines: 2, reason: 'ENOENT' });
    const ours = new LogFile({ path });
    await ours.append(Buffer.from('a\n'));
    renameSync(path, `${path}.1`);
    spawnSync('mkdir', [path]);
    assert.equal(await ours.reopen(), 'EISDIR');
    assert.equal(await ours.append(Buffer.from('b\n')), null);
    ours.close();
    assert.equal(readFileSync(`${path}.1`, 'utf8'), 'a\nb\n');
  });

  it('loses what a full disk does not take', async () => {
    const file = new LogFile({ path: '/dev/full' });
    assert.deepEqual(await file.append(Buffer.from('a\nb\n')), { lines: 2, reason: 'ENOSPC' });
    file.close();
  });

  it('goes on with a line of its own after a disk was full', {
    skip: isRoot() ? false : 'mounting takes root',
  }, async () => {
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    try {
      const file = new LogFile({ path });
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(48 * 1024));
      const line = `${'x'.repeat(99)}\n`;
      const loss = await file.append(Buffer.from(line.repeat(1000)));
      assert.equal(loss?.reason, 'ENOSPC');
      rmSync(join(folder, 'ballast'));
      assert.equal(await file.append(Buffer.from('after\n')), null);
      file.close();
      const lines = readFileSync(path, 'utf8').split('\n');
      const whole = lines.filter((text) => text === line.trimEnd()).length;
      assert.equal(whole + (loss?.lines ?? 0), 1000);
      assert.deepEqual(lines.slice(-2), ['after', '']);
    } finally {
      spawnSync('umount', [folder]);
    }
  });

  it('waits for the reader of a pipe without a thread, and loses what nobody can read', async () => {
    spawnSync('mkfifo', [path]);
    const file = new LogFile({ path });
    assert.deepEqual(await file.append(Buffer.from('a\n')), { lines: 1, reason: 'ENXIO' });
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const line = `${'x'.repeat(1023)}\n`;
    const appended = file.append(Buffer.from(line.repeat(100)));
    const read = Buffer.alloc(100 * 1024);
    let length = 0;
    while (length < read.length) length += await readSome(reader, read, length);
    assert.equal(await appended, null);
    assert.equal(read.toString(), line.repeat(100));
    closeSync(reader);
    assert.deepEqual(await file.append(Buffer.from('b\n')), { lines: 1, reason: 'EPIPE' });
    file.close();
  });

  it('is made for the user that edges run as', { skip: isRoot() ? false : 'giving files away takes root' }, () => {
    prepareLogFile(path, { uid: 4711, gid: 4712 });
    const { uid, gid } = statSync(path);
    assert.deepEqual([uid, gid], [4711, 4712]);
  });
});

describe('pieces of a batch for a pipe', () => {
  it('are whole lines, no longer than what a pipe takes at once', () => {
    const bytes = Buffer.from(`${`${'x'.repeat(999)}\n`.repeat(10)}${'y'.repeat(9000)}\nz\n`);
    const pieces = wholeLines(bytes);
    assert.equal(Buffer.concat(pieces).equals(bytes), true);
    assert.ok(pieces.every((piece) => piece.at(-1) === 0x0a));
    assert.deepEqual(
      pieces.map(({ length }) => length),
      [4000, 4000, 2000, 9001, 2],
    );
  });
});

async function readSome(descriptor: number, into: Buffer, at: number): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  try {
    return readSync(descriptor, into, at, into.length - at, null);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
