import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { prepareDirectory, socketDirectories } from '../../src/control/socket-directory.ts';

const user = process.geteuid?.() ?? 0;
const isRoot = user === 0;
const stranger = 65_534;

describe('the directory of control sockets', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'socket-directory-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is in the run-time directory of the user, or has the name of the user in the shared one', () => {
    const shared = join(tmpdir(), 'portcullis-7');
    assert.deepEqual(socketDirectories({}, 7), [shared]);
    assert.deepEqual(socketDirectories({ XDG_RUNTIME_DIR: '' }, 7), [shared]);
    assert.deepEqual(socketDirectories({ XDG_RUNTIME_DIR: '/run/user/7' }, 7), ['/run/user/7/portcullis', shared]);
  });

  it('is made where it is missing, for its user alone', () => {
    const path = join(folder, 'made');
    assert.equal(prepareDirectory(path, user), undefined);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.equal(prepareDirectory(path, user), undefined);
  });

  const faults: readonly (readonly [
    behaviour: string,
    make: (path: string) => void,
    fault: RegExp,
    needsRoot?: 'root',
  ])[] = [
    ['is a link', (path) => symlinkSync(join(folder, 'made'), path), /is no directory$/],
    ['is a link to nowhere', (path) => symlinkSync(join(folder, 'nowhere'), path), /is no directory$/],
    ['is a file', (path) => writeFileSync(path, ''), /is no directory$/],
    [
      'may be entered by others',
      (path) => {
        mkdirSync(path);
        chmodSync(path, 0o755);
      },
      /is open to other users$/,
    ],
    [
      'is of another user',
      (path) => {
        mkdirSync(path, { mode: 0o700 });
        chownSync(path, stranger, stranger);
      },
      /belongs to another user$/,
      'root',
    ],
    [
      'can be replaced by another user',
      (path) => {
        mkdirSync(path, { mode: 0o700 });
        chownSync(join(path, '..'), stranger, stranger);
      },
      /belongs to another user$/,
      'root',
    ],
    ['cannot be made', () => {}, /ENOENT/],
  ];
  for (const [index, [behaviour, make, fault, needsRoot]] of faults.entries()) {
    const skip = needsRoot === 'root' && !isRoot ? 'needs root' : false;
    it(`is not used where it ${behaviour}`, { skip }, () => {
      const parent = join(folder, `parent-${index}`);
      if (behaviour !== 'cannot be made') mkdirSync(parent);
      const path = join(parent, 'portcullis');
      make(path);
      assert.match(prepareDirectory(path, user) ?? 'no fault', fault);
    });
  }
});
