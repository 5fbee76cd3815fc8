import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { RecordFile, recordFileFault } from '../../src/telemetry/record-file.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-test-'));
  path = join(folder, 'refused');
});
afterEach(() => rmSync(folder, { recursive: true }));

const line = (text: string, bytes = text.length + 1): Buffer => Buffer.from(`${text.padEnd(bytes - 1, '.')}\n`);
const read = (name = path): string => readFileSync(name, 'latin1');
const linesOf = (name: string): string[] => (existsSync(name) ? read(name).split('\n').slice(0, -1) : []);

describe('a record file', () => {
  it('is its owner`s alone, whatever the umask', async () => {
    for (const umask of [0, 0o777]) {
      const before = process.umask(umask);
      try {
        await new RecordFile(path, 1000).append(line('a'));
      } finally {
        process.umask(before);
      }
      assert.equal(statSync(path).mode & 0o777, 0o600);
      rmSync(path);
    }
  });

  it('becomes so if it was not', async () => {
    writeFileSync(path, '');
    chmodSync(path, 0o644);
    await new RecordFile(path, 1000).append(line('a'));
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('goes on behind what it holds', async () => {
    await new RecordFile(path, 1000).append(line('a'));
    await new RecordFile(path, 1000).append(line('b'));
    assert.equal(read(), 'a\nb\n');
  });

  it('begins a line behind half of one', async () => {
    writeFileSync(path, 'a\nhal');
    await new RecordFile(path, 1000).append(line('b'));
    assert.equal(read(), 'a\nhal\nb\n');
  });

  it('holds the newest lines, within its bound, in two segments', async () => {
    const file = new RecordFile(path, 1000);
    for (let number = 0; number < 100; number++) {
      await file.append(line(`${number}`, 70));
      const sizes = [path, `${path}.1`].map((name) => (existsSync(name) ? statSync(name).size : 0));
      assert.ok(Math.max(...sizes) <= 500, `${sizes}`);
    }
    await file.close();
    const numbers = [...linesOf(`${path}.1`), ...linesOf(path)].map((text) => Number.parseInt(text, 10));
    assert.deepEqual(
      numbers,
      Array.from(numbers, (_, index) => 100 - numbers.length + index),
    );
    assert.ok(numbers.length >= 7, `${numbers.length}`);
    assert.equal(statSync(`${path}.1`).mode & 0o777, 0o600);
  });

  it('keeps every line whole and loses none but the oldest where eight write at once', async () => {
    const writers = Array.from({ length: 8 }, () => new RecordFile(path, 40_000));
    const appended = writers.map(async (file, writer) => {
      for (let number = 0; number < 100; number++) await file.append(line(`${writer}-${number}`, 100));
      await file.close();
    });
    await Promise.all(appended);
    const lines = [...linesOf(`${path}.1`), ...linesOf(path)].filter((text) => text !== '');
    for (const text of lines) assert.match(text, /^\d-\d+\.+$/);
    assert.equal(new Set(lines).size, lines.length);
    for (const name of [path, `${path}.1`]) assert.ok(statSync(name).size <= 20_000 * 1.25 + 800);
    assert.ok(lines.some((text) => /^\d-99\./.test(text)));
    assert.deepEqual([existsSync(`${path}.full`), existsSync(`${path}.new`)], [false, false]);
  });

  it('recovers from a writer that died while it moved the file away', async () => {
    const file = new RecordFile(path, 1000);
    await file.append(line('old', 400));
    linkSync(path, `${path}.full`);
    writeFileSync(`${path}.new`, '');
    for (let number = 0; number < 10; number++) await file.append(line(`${number}`, 200));
    await file.close();
    assert.ok(statSync(path).size <= 500 * 1.25 + 200);
    assert.ok(existsSync(`${path}.1`) && !existsSync(`${path}.full`));
    assert.match(read(), /^9\./m);
  });

  it('is made anew where somebody moved it away or removed it', async () => {
    const file = new RecordFile(path, 1000);
    await file.append(line('a'));
    renameSync(path, `${path}.old`);
    await file.append(line('b'));
    rmSync(path);
    await file.append(line('c'));
    await file.close();
    assert.deepEqual([read(`${path}.old`), read()], ['a\n', 'c\n']);
  });

  it('fails without its folder and works again with it', async () => {
    const file = new RecordFile(join(folder, 'below', 'refused'), 1000);
    await assert.rejects(file.append(line('a')), /ENOENT/);
    mkdirSync(join(folder, 'below'));
    await file.append(line('b'));
    await file.close();
    assert.equal(read(join(folder, 'below', 'refused')), 'b\n');
  });

  it('follows no symbolic link, to nothing and to a file', async () => {
    for (const target of ['elsewhere', 'existing']) {
      writeFileSync(join(folder, 'existing'), '');
      symlinkSync(join(folder, target), path);
      assert.equal(recordFileFault(path), 'it is a symbolic link');
      await assert.rejects(new RecordFile(path, 1000).append(line('a')), /ELOOP/);
      rmSync(path);
    }
    assert.deepEqual([existsSync(join(folder, 'elsewhere')), read(join(folder, 'existing'))], [false, '']);
  });

  it('is neither device, folder nor pipe', async () => {
    execFileSync('mkfifo', [path]);
    for (const name of ['/dev/full', folder, path]) {
      assert.equal(recordFileFault(name), 'it is not a regular file', name);
      await assert.rejects(new RecordFile(name, 1000).append(line('a')), /not a regular file|EISDIR|ENXIO/, name);
    }
  });

  it('is not another user`s', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
    writeFileSync(path, '');
    chownSync(path, 12345, 12345);
    assert.equal(recordFileFault(path), 'it belongs to another user');
    await assert.rejects(new RecordFile(path, 1000).append(line('a')), /belongs to another user/);
  });

  it('may not exist yet, but its folder has to', () => {
    assert.equal(recordFileFault(path), undefined);
    assert.equal(recordFileFault(join(folder, 'no', 'refused')), 'its folder does not exist');
  });

  it('loses what a full disk has no room for, and goes on when it has', { skip: noTmpfs() }, async () => {
    const small = join(folder, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
    try {
      const file = new RecordFile(join(small, 'refused'), 1_000_000);
      await file.append(line('a', 30_000));
      await assert.rejects(file.append(line('b', 60_000)), /ENOSPC/);
      appendFileSync(join(small, 'refused'), '');
      rmSync(join(small, 'refused'));
      await file.append(line('c'));
      await file.close();
      assert.equal(read(join(small, 'refused')), 'c\n');
    } finally {
      execFileSync('umount', [small]);
    }
  });
});

/** Why no small file system can be had; false if it can. */
function noTmpfs(): string | false {
  const probe = mkdtempSync(join(tmpdir(), 'record-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe]);
    return false;
  } catch {
    return 'no file system can be mounted here';
  } finally {
    rmSync(probe, { recursive: true });
  }
}
