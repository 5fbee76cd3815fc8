import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { cannotChangeUsers } from '../support/as-root.ts';

const identity = new URL('../../src/process/identity.ts', import.meta.url).href;

/** What a process is after it took this identity, or the message of its refusal. */
function become(wanted: object, before = ''): string {
  const program = `
    import { takeIdentity } from ${JSON.stringify(identity)};
    ${before}
    try {
      takeIdentity(${JSON.stringify(wanted)});
      console.log([process.getuid(), process.geteuid(), process.getgid(), process.getegid(), process.getgroups()].join(' '));
    } catch (error) {
      console.log(error.message);
    }`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program];
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim();
}

const nobody = { name: 'nobody', uid: 65534, gid: 65534, initGroups: false };

describe('a process of root that takes an identity', { skip: cannotChangeUsers }, () => {
  it('has nothing of root left, its groups included', () => {
    assert.equal(become(nobody, 'process.setgroups([0, 4, 27]);'), '65534 65534 65534 65534 65534');
  });

  it('has the groups of the user where it shall', () => {
    assert.equal(become({ ...nobody, initGroups: true }, 'process.setgroups([0]);'), '65534 65534 65534 65534 65534');
  });

  it('may keep the user and change the group alone', () => {
    assert.equal(become({ ...nobody, name: null, uid: 0, gid: 1 }), '0 0 1 1 1');
  });

  it('refuses one that only looks like it: the real user is still root', () => {
    assert.equal(become(nobody, 'process.setegid(65534); process.seteuid(65534);'), 'root can be had back');
  });
});

describe('a process of nobody in particular', { skip: cannotChangeUsers }, () => {
  it('cannot become another user', () => {
    const before = 'process.setgroups([]); process.setgid(65534); process.setuid(65534);';
    assert.match(become({ name: 'daemon', uid: 1, gid: 1, initGroups: false }, before), /EPERM/);
  });

  it('is itself already', () => {
    const before = 'process.setgroups([]); process.setgid(65534); process.setuid(65534);';
    assert.equal(become(nobody, before).startsWith('65534 65534 65534 65534'), true);
  });
});
