import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { childrenOf, gone, isAlive, runProgram } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';
import { get } from './server.ts';

const app = fileURLToPath(new URL('fixtures/who-am-i.js', import.meta.url));

describe('a server in the background', () => {
  let folder = '';
  let pids: readonly number[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'daemon-'));
    pids = [];
  });
  afterEach(async () => {
    const [master] = pids;
    if (master !== undefined && isAlive(master)) process.kill(master, 'SIGKILL');
    await gone(pids);
    rmSync(folder, { recursive: true });
  });

  it('serves when the command returns, in a session of its own, on no terminal, and ends with its pid file', async () => {
    const socket = join(folder, 'socket');
    const pidFile = join(folder, 'pid');
    const command = await runProgram(['-D', '-b', `unix:${socket}`, '-p', pidFile, '-n', 'shop', app]);
    assert.deepEqual(command, { code: 0, signal: null, stdout: '', stderr: '' });
    const master = Number(readFileSync(pidFile, 'latin1'));
    pids = [master, ...childrenOf(master)];
    const client = await connectRaw(socket, { allowHalfOpen: true });
    client.send(get('/'));
    client.socket.end();
    assert.match(await client.receiveAll(), /^HTTP\/1\.1 200 /);
    const [, , , , , session] = readFileSync(`/proc/${master}/stat`, 'latin1')
      .replace(/\(.*\)/, '()')
      .split(' ');
    assert.equal(Number(session), master);
    for (const descriptor of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${master}/fd/${descriptor}`), '/dev/null');
    const titles = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0+$/, '').trimEnd());
    assert.deepEqual(titles.sort(), [
      'portcullis: edge [shop] serving',
      'portcullis: master [shop] serving',
      'portcullis: worker [shop] serving',
    ]);
    process.kill(master, 'SIGTERM');
    await gone(pids);
    assert.throws(() => readFileSync(pidFile), /ENOENT/);
  });

  it('that cannot load its application says so, and the command ends as it did', async () => {
    const broken = join(folder, 'broken.mjs');
    writeFileSync(broken, 'throw new Error("no database");');
    const { code, stderr } = await runProgram(['--daemon', '-b', '127.0.0.1:0', broken]);
    assert.equal(code, 4);
    assert.match(stderr, /\[ERROR\] "broken\.mjs" failed while it was loaded: no database\n/);
  });

  it('that runs already says as which process', async () => {
    const pidFile = join(folder, 'pid');
    const args = ['-D', '-b', '127.0.0.1:0', '-p', pidFile, app];
    assert.equal((await runProgram(args)).code, 0);
    const master = Number(readFileSync(pidFile, 'latin1'));
    pids = [master, ...childrenOf(master)];
    const { code, stderr } = await runProgram(args);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`Already running on PID ${master} \\(or pid file '.*' is stale\\)`));
    assert.equal(readFileSync(pidFile, 'latin1'), `${master}\n`);
  });
});
