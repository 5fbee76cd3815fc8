import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { askServer } from '../../src/control/ask-server.ts';
import { childrenOf, gone, isAlive } from '../support/program.ts';
import { Load } from './load.ts';
import { get, type Server, startServer } from './server.ts';

describe('an upgrade', () => {
  let server: Server;
  let successor = 0;
  afterEach(async () => {
    if (successor !== 0 && isAlive(successor)) process.kill(successor, 'SIGKILL');
    successor = 0;
    await server.stop();
  });

  async function upgrade(): Promise<number> {
    const { program } = server;
    program.signal('SIGUSR2');
    successor = Number((await program.logged(/Booting new master with pid: (\d+)/))[1]);
    await program.logged(new RegExp(`New master serves \\(pid:${successor}\\)`));
    return successor;
  }

  it('by USR2, WINCH and TERM costs no request and refuses no connection', async () => {
    server = await startServer({ flags: ['-w', '2', '--edges', '2'] });
    const { program } = server;
    const load = new Load(server.port, 8);
    try {
      const old = childrenOf(program.pid);
      const next = await upgrade();
      program.signal('SIGWINCH');
      await gone(old);
      assert.ok(isAlive(program.pid), 'the old master stays');
      const before = load.answers;
      program.signal('SIGTERM');
      await program.logged(/Shutting down: Master/);
      await gone([program.pid]);
      while (load.answers < before + 100) await new Promise((resolve) => setImmediate(resolve));
      await load.stop();
      assert.match(await server.ask(get('/declared')), /hello$/);
      process.kill(next, 'SIGTERM');
      const exit = await program.exited;
      assert.equal(exit.code, 0);
      assert.doesNotMatch(exit.stderr, /ERROR|CRITICAL|was sent/);
    } finally {
      await load.stop().catch(() => {});
    }
  });

  it('is taken back by HUP to the old master and TERM to the new one', async () => {
    server = await startServer({ flags: ['-w', '2'] });
    const { program } = server;
    const load = new Load(server.port, 4);
    const next = await upgrade();
    const old = childrenOf(program.pid).filter((pid) => pid !== next);
    program.signal('SIGWINCH');
    await gone(old);
    program.signal('SIGHUP');
    await program.logged(/Edges reloaded: 1 new edge$/);
    process.kill(next, 'SIGTERM');
    await gone([next]);
    await program.logged(new RegExp(`New master \\(pid:${next}\\) ended`));
    await load.stop();
    assert.match(await server.ask(get('/declared')), /hello$/);
  });

  it('to a program that does not start leaves the old one as it was, and may be tried again', async () => {
    server = await startServer();
    const { program } = server;
    const policy = join(server.folder, 'policy.json');
    writeFileSync(policy, '{ "lime": 1 }');
    program.signal('SIGUSR2');
    await program.logged(/\[ERROR\] New master \(pid:\d+\) ended \(exit 2\); this one goes on$/);
    program.signal('SIGWINCH');
    assert.match(await server.ask(get('/declared')), /hello$/);
    writeFileSync(policy, '{}');
    program.signal('SIGUSR2');
    await program.logged(/New master serves/);
    successor = Number((await program.logged(/Booting new master with pid: (\d+)/, 2))[1]);
    program.signal('SIGUSR2');
    await program.logged(/\[WARNING\] There is a new master already/);
  });

  it('leaves the file of a Unix socket to the new program, which removes it in the end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'upgrade-'));
    const path = join(folder, 'site.sock');
    server = await startServer({ flags: ['-b', `unix:${path}`] });
    const next = await upgrade();
    server.program.signal('SIGTERM');
    await gone([server.program.pid]);
    assert.ok(statSync(path).isSocket());
    process.kill(next, 'SIGTERM');
    await server.program.exited;
    assert.deepEqual(readdirSync(folder), []);
    rmSync(folder, { recursive: true });
  });

  it('leaves the file of a Unix socket to the old program where the new one ends first', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'upgrade-'));
    const path = join(folder, 'site.sock');
    server = await startServer({ flags: ['-b', `unix:${path}`] });
    const next = await upgrade();
    process.kill(next, 'SIGTERM');
    await server.program.logged(new RegExp(`New master \\(pid:${next}\\) ended`));
    assert.ok(statSync(path).isSocket());
    server.program.signal('SIGTERM');
    await server.program.exited;
    assert.deepEqual(readdirSync(folder), []);
    rmSync(folder, { recursive: true });
  });

  it('whose new program dies after WINCH is taken back by the old one without being told', async () => {
    server = await startServer({ flags: ['-w', '2'] });
    const { program } = server;
    const next = await upgrade();
    const old = childrenOf(program.pid).filter((pid) => pid !== next);
    program.signal('SIGWINCH');
    await gone(old);
    const ofNext = childrenOf(next);
    process.kill(next, 'SIGKILL');
    await program.logged(new RegExp(`New master \\(pid:${next}\\) ended`));
    // Its edges accept until they notice.
    await gone(ofNext);
    assert.match(await server.ask(get('/declared')), /hello$/);
    assert.ok(isAlive(program.pid), 'the old master stays');
  });

  it('hands over a control socket of a given name when the old master is gone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'upgrade-'));
    const path = join(folder, 'control');
    server = await startServer({ flags: ['--control-socket', path, '--log-level', 'debug'] });
    const next = await upgrade();
    server.program.signal('SIGTERM');
    await server.program.logged(new RegExp(`\\[${next}\\] \\[DEBUG\\] Control socket: ${path}$`));
    assert.equal((await askServer(path, { command: 'status' }, 10_000)).reply.type, 'status');
    process.kill(next, 'SIGTERM');
    await server.program.exited;
    rmSync(folder, { recursive: true });
  });
});
