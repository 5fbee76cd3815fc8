import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { childrenOf, Program, programCommand, root } from '../support/program.ts';

const app = fileURLToPath(new URL('fixtures/who-am-i.js', import.meta.url));
/** Processes with numbers of their own, the first of which is process 1: what a container is to them. */
const namespace = ['--pid', '--fork', '--kill-child', '--mount-proc'];
const hasNamespaces = spawnSync('unshare', [...namespace, 'true']).status === 0;
const skip = hasNamespaces ? false : 'needs root and the right to make a pid namespace';

function startInNamespace(before: readonly string[]): Program {
  const command = [...before, process.execPath, ...programCommand(), '-b', '127.0.0.1:0', app];
  return new Program(spawn('unshare', [...namespace, ...command], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] }));
}

describe('a server in a container', { skip }, () => {
  it('warns where it is process 1, which does not reap', async () => {
    const program = startInNamespace([]);
    try {
      await program.logged(/\[1\] \[WARNING\] Running as process 1: orphans of the application are not reaped/);
      await program.port();
    } finally {
      await program.stop();
    }
  });

  for (const [what, before] of [
    ['tini', ['tini', '--']],
    [
      'a shell that forwards',
      ['sh', '-c', 'trap \'kill -TERM $child\' TERM; "$0" "$@" & child=$!; wait $child; wait $child'],
    ],
  ] as const) {
    it(`below ${what} is told of TERM, and drains`, async () => {
      const program = startInNamespace(before);
      try {
        await program.port();
        assert.doesNotMatch(program.stderr, /process 1/);
        const [first] = childrenOf(program.pid);
        process.kill(first ?? 0, 'SIGTERM');
        await program.logged(/Handling signal: term/);
        await program.logged(/Shutting down: Master/);
        assert.equal((await program.exited).code, 0);
      } finally {
        await program.stop();
      }
    });
  }
});
