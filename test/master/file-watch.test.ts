import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FileWatch } from '../../src/master/file-watch.ts';
import { within } from '../support/deadline.ts';

const lookMs = 10;

let folder: string;
let watch: FileWatch;
let reports: (readonly string[])[];
let onReport: () => void;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
  reports = [];
  onReport = () => {};
  watch = new FileWatch((files) => {
    reports.push(files);
    onReport();
  }, lookMs);
});
afterEach(() => {
  watch.stop();
  rmSync(folder, { recursive: true });
});

async function reported(count: number): Promise<readonly string[]> {
  const report = new Promise<void>((resolve) => {
    onReport = () => {
      if (reports.length >= count) resolve();
    };
    onReport();
  });
  // The watch holds up no exit, so something else has to.
  await within(5_000, report, () => `${reports.length} reports, not ${count}`);
  return reports[count - 1] ?? [];
}

const changes: readonly { readonly how: string; readonly change: (path: string) => void }[] = [
  { how: 'written in place', change: (path) => writeFileSync(path, 'b') },
  {
    how: 'replaced by another file of the same size',
    change: (path) => {
      writeFileSync(`${path}.new`, 'b');
      renameSync(`${path}.new`, path);
    },
  },
  { how: 'removed', change: (path) => rmSync(path) },
];

describe('a file that is watched', () => {
  for (const { how, change } of changes) {
    it(`is reported where it is ${how}, once`, async () => {
      const [path, other] = [join(folder, 'a'), join(folder, 'other')];
      for (const file of [path, other]) writeFileSync(file, 'a');
      await watch.follow([path, other]);
      change(path);
      assert.deepEqual(await reported(1), [path]);
      writeFileSync(other, 'b');
      assert.deepEqual(await reported(2), [other]);
      assert.equal(reports.length, 2);
    });
  }

  it('is reported when it appears', async () => {
    const path = join(folder, 'a');
    await watch.follow([path]);
    writeFileSync(path, 'a');
    assert.deepEqual(await reported(1), [path]);
  });

  it('is reported where a link above it is swapped, as ConfigMaps do', async () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, 'policy.json'), version);
    }
    symlinkSync('v1', join(folder, '..data'));
    symlinkSync('..data/policy.json', join(folder, 'policy.json'));
    await watch.follow([join(folder, 'policy.json')]);
    symlinkSync('v2', join(folder, '..data.new'));
    renameSync(join(folder, '..data.new'), join(folder, '..data'));
    assert.deepEqual(await reported(1), [join(folder, 'policy.json')]);
  });

  it('is compared with what it was when it was followed first', async () => {
    const path = join(folder, 'a');
    writeFileSync(path, 'a');
    await watch.follow([path]);
    writeFileSync(path, 'b');
    await watch.follow([path, join(folder, 'other')]);
    assert.deepEqual(await reported(1), [path]);
  });

  it('is left alone once others are followed', async () => {
    const [path, other] = [join(folder, 'a'), join(folder, 'other')];
    await watch.follow([path]);
    await watch.follow([other]);
    writeFileSync(path, 'a');
    writeFileSync(other, 'a');
    assert.deepEqual(await reported(1), [other]);
  });
});
