import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cannotChangeUsers, edgeUser, workerUser } from '../support/as-root.ts';
import { childrenOf, gone, type Program, runProgram, startProgram } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';
import { get, post } from './server.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const asEdgeUser = ['-b', '127.0.0.1:0', '-u', edgeUser.name];
type Who = { readonly pid: number; readonly uid: number; readonly gid: number; readonly groups: readonly number[] };

async function answer<Value>(address: number | string, request: string): Promise<Value> {
  const client = await connectRaw(address, { allowHalfOpen: true });
  client.send(request);
  client.socket.end();
  const response = await client.receiveAll();
  assert.match(response, /^HTTP\/1\.1 200 /, response);
  return JSON.parse(response.slice(response.indexOf('\r\n\r\n'))) as Value;
}

const whoServes = (address: number | string): Promise<Who> => answer<Who>(address, get('/'));

/** Uids and gids of a process, real, effective, saved and of the file system. */
function idsOf(pid: number): { readonly uids: string; readonly gids: string; readonly groups: string } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const line = (name: string): string => new RegExp(`^${name}:\\s*(.*?)\\s*$`, 'm').exec(status)?.[1] ?? '';
  return { uids: line('Uid'), gids: line('Gid'), groups: line('Groups') };
}

function allFour(id: number): string {
  return Array(4).fill(id).join('\t');
}

describe('a server that root starts with --user', { skip: cannotChangeUsers }, () => {
  let folder = '';
  let program: Program | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'users-'));
    chmodSync(folder, 0o755);
  });
  afterEach(async () => {
    await program?.stop();
    rmSync(folder, { recursive: true });
  });

  it('is that user in every process, with no group of root, and stays so after a reload and a crash', async () => {
    program = startProgram([...asEdgeUser, fixture('who-am-i.js')]);
    const port = await program.port();
    const first = await whoServes(port);
    assert.deepEqual({ ...first, pid: 0 }, { pid: 0, uid: 33, gid: 33, groups: [33], arguments: [] });
    for (const pid of [program.pid, ...childrenOf(program.pid)]) {
      assert.deepEqual(idsOf(pid), { uids: allFour(33), gids: allFour(33), groups: '33' });
    }
    program.signal('SIGHUP');
    await program.logged(/Application reloaded/);
    const second = await whoServes(port);
    assert.notEqual(second.pid, first.pid);
    process.kill(second.pid, 'SIGKILL');
    await program.logged(/was sent SIGKILL/);
    const third = await whoServes(port);
    assert.notEqual(third.pid, second.pid);
    assert.deepEqual([second.uid, third.uid], [33, 33]);
    assert.doesNotMatch(program.stderr, /Running as root/);
  });

  it('binds a port that only root may have', async () => {
    program = startProgram(['-b', '127.0.0.1:81', '-u', edgeUser.name, fixture('who-am-i.js')]);
    await program.logged(/Listening at: http:\/\/127\.0\.0\.1:81 |Cannot listen at 127\.0\.0\.1:81: another program/);
  });

  it('gives its Unix socket and its pid file to that user, with the mode of --umask, and empties what it may not remove', async () => {
    const socket = join(folder, 'socket');
    const pidFile = join(folder, 'pid');
    program = startProgram([
      '-b',
      `unix:${socket}`,
      '-u',
      edgeUser.name,
      '-g',
      'games',
      '-m',
      '0007',
      '-p',
      pidFile,
      fixture('who-am-i.js'),
    ]);
    await program.logged(/Listening at/);
    assert.equal((await whoServes(socket)).gid, 60);
    const { uid, gid, mode } = lstatSync(socket);
    assert.deepEqual({ uid, gid, mode: mode & 0o777 }, { uid: 33, gid: 60, mode: 0o770 });
    assert.equal(statSync(pidFile).uid, 33);
    program.signal('SIGTERM');
    assert.equal((await program.exited).code, 0);
    // The folder is root's.
    assert.equal(readFileSync(pidFile, 'latin1'), '');
  });

  it('has the further groups of the user only where --initgroups asks for them', async () => {
    program = startProgram([...asEdgeUser, '--initgroups', fixture('who-am-i.js')]);
    assert.ok((await whoServes(await program.port())).groups.includes(33));
  });

  it('says so where somebody else than root starts it', async () => {
    const { code, stderr } = await runProgram([...asEdgeUser, fixture('who-am-i.js')], { user: workerUser });
    assert.match(
      stderr,
      /Only root can become user www-data, group 33: leave --user and --group out, or start as root\./,
    );
    assert.equal(code, 1);
  });

  it('tells root without --user, once, where it is asked for more', async () => {
    program = startProgram(['-b', '127.0.0.1:0', '--log-level', 'debug', fixture('who-am-i.js')]);
    await program.port();
    assert.equal(program.stderr.match(/Running as root/g)?.length, 1);
  });
});

describe('a worker with --worker-user that was taken over', { skip: cannotChangeUsers }, () => {
  let folder = '';
  let program: Program;
  let control: Server;
  let directories: readonly string[] = [];
  const ownDirectories = (): readonly string[] =>
    readdirSync('/tmp')
      .filter((name) => name.startsWith('portcullis-'))
      .map((name) => join('/tmp', name))
      .filter((path) => {
        const stats = lstatSync(path, { throwIfNoEntry: false });
        return stats?.uid === edgeUser.uid && stats.gid === workerUser.gid;
      });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'burglar-'));
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'edge'), { mode: 0o755 });
    chownSync(join(folder, 'edge'), edgeUser.uid, edgeUser.gid);
    const before = new Set(ownDirectories());
    program = startProgram([
      ...asEdgeUser,
      ...['--worker-user', workerUser.name, '-p', join(folder, 'pid'), '--record', join(folder, 'edge', 'refused')],
      fixture('burglar.js'),
    ]);
    control = createServer();
    await program.port();
    directories = ownDirectories().filter((path) => !before.has(path));
  });
  afterEach(async () => {
    await program.stop();
    control.close();
    rmSync(folder, { recursive: true });
  });

  const attempt = async (targets: object): Promise<readonly string[]> =>
    answer<readonly string[]>(await program.port(), post('/', JSON.stringify(targets)));

  it('is itself alone, and finds nothing of the master and the edge that it could use', async () => {
    const port = await program.port();
    await answer(port, get('/'));
    const refused = await connectRaw(port, { allowHalfOpen: true });
    refused.send('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    refused.socket.end();
    await refused.receiveAll();
    const children = childrenOf(program.pid);
    const [edge = 0, ...workers] = children
      .filter((pid) => idsOf(pid).uids === allFour(edgeUser.uid))
      .concat(children.filter((pid) => idsOf(pid).uids === allFour(workerUser.uid)));
    assert.deepEqual(workers.map(idsOf), [{ uids: allFour(5), gids: allFour(60), groups: '60' }]);
    assert.equal(directories.length, 1, 'the directory of the links');
    assert.deepEqual(
      await attempt({
        processes: [program.pid, edge],
        directories: [...directories, join(folder, 'edge'), folder],
        files: [join(folder, 'edge', 'refused'), join(folder, 'pid')],
        sockets: directories.map((path) => join(path, 'link-0000000000000000')),
      }),
      // Which process serves is no secret.
      [`list ${join(folder, 'edge')}`, `list ${folder}`, `read ${join(folder, 'pid')}`],
    );
    assert.equal(readFileSync(join(folder, 'pid'), 'latin1'), `${program.pid}\n`);
    assert.equal(statSync(join(folder, 'pid')).uid, 0, 'edges could make root signal any process otherwise');
    assert.doesNotMatch(program.stderr, /Handling signal/);
  });

  it('could do all of it to what is its own: the attempts are real', async () => {
    const own = join(folder, 'own');
    mkdirSync(own);
    writeFileSync(join(own, 'file'), '');
    await new Promise<void>((resolve) => control.listen(join(own, 'socket'), resolve));
    for (const path of [own, join(own, 'file'), join(own, 'socket')]) chownSync(path, workerUser.uid, workerUser.gid);
    const able = await attempt({ directories: [own], files: [join(own, 'file')], sockets: [join(own, 'socket')] });
    assert.deepEqual(
      able.map((line) => line.slice(0, line.lastIndexOf(' '))),
      ['connect to', 'list', 'make a file in', 'chmod', 'read', 'write', 'chmod', 'rename'],
    );
  });

  it('serves through the next edge too, and leaves nothing when the master is killed', async () => {
    const [edge = 0] = childrenOf(program.pid).filter((pid) => idsOf(pid).uids === allFour(edgeUser.uid));
    process.kill(edge, 'SIGKILL');
    await program.logged(/Edge \(pid:\d+\) was sent SIGKILL/);
    assert.deepEqual(await attempt({}), []);
    const all = childrenOf(program.pid);
    program.signal('SIGKILL');
    await gone(all);
    assert.deepEqual(
      directories.filter((path) => existsSync(path)),
      [],
    );
  });
});
