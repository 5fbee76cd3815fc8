import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BindAddress } from '../../src/config/bind-address.ts';
import { BindError, bindListeners, inheritListener, type Listener } from '../../src/master/listeners.ts';
import { connectRaw } from '../support/raw-client.ts';
import { ask, startStubMaster } from './stub-master.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'listeners-test-'));
});
after(() => rmSync(folder, { recursive: true }));

async function bind(address: BindAddress): Promise<Listener> {
  const [listener] = await bindListeners([address]);
  assert.ok(listener !== undefined);
  return listener;
}

function refusal(address: BindAddress): Promise<string> {
  return bindListeners([address]).then(
    () => assert.fail('it was bound'),
    (error) => {
      assert.ok(error instanceof BindError, String(error));
      assert.doesNotMatch(error.message, /\n/);
      return error.message;
    },
  );
}

describe('listeners', () => {
  const kinds = [
    { host: '127.0.0.1', url: /^http:\/\/127\.0\.0\.1:(\d+)$/, name: '127.0.0.1' },
    { host: '::1', url: /^http:\/\/\[::1\]:(\d+)$/, name: '::1' },
    { host: 'localhost', url: /^http:\/\/127\.0\.0\.1:(\d+)$/, name: '127.0.0.1' },
  ];
  for (const { host, url, name } of kinds) {
    it(`binds ${host} to a port of the system's choice, which nobody listens on yet`, async () => {
      const listener = await bind({ kind: 'tcp', host, port: 0 });
      const port = Number(url.exec(listener.url)?.[1]);
      assert.ok(port > 0, listener.url);
      assert.deepEqual([listener.serverName, listener.serverPort], [name, String(port)]);
      const [error] = await once(connect({ host: name, port }), 'error');
      assert.equal(error.code, 'ECONNREFUSED');
      listener.close();
    });
  }

  it('says which address another program has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    assert.match(await refusal({ kind: 'tcp', host: '127.0.0.1', port }), /another program listens there.*EADDRINUSE/);
    other.close();
  });

  it('lets go of what it had bound where a later address cannot be had', async () => {
    const path = join(folder, 'first.sock');
    const addresses: BindAddress[] = [
      { kind: 'unix', path },
      { kind: 'tcp', host: '192.0.2.1', port: 0 },
    ];
    await assert.rejects(bindListeners(addresses), BindError);
    assert.equal(existsSync(path), false);
  });

  const impossible: readonly { readonly address: BindAddress; readonly message: RegExp }[] = [
    {
      address: { kind: 'tcp', host: '192.0.2.1', port: 0 },
      message: /192\.0\.2\.1:0: this machine has no such address/,
    },
    { address: { kind: 'tcp', host: 'name.invalid', port: 1 }, message: /the name name\.invalid has no address/ },
    { address: { kind: 'unix', path: '/nowhere/x.sock' }, message: /directory does not exist or is not writable/ },
    { address: { kind: 'descriptor', descriptor: 999 }, message: /fd:\/\/999: the descriptor is not open/ },
  ];
  for (const { address, message } of impossible) {
    it(`explains why ${JSON.stringify(address)} cannot be had`, async () =>
      assert.match(await refusal(address), message));
  }

  describe('Unix sockets', () => {
    it('are removed when their listener closes', async () => {
      const path = join(folder, 'closed.sock');
      const listener = await bind({ kind: 'unix', path });
      assert.equal(listener.url, `unix:${path}`);
      assert.ok(existsSync(path));
      listener.close();
      assert.equal(existsSync(path), false);
    });

    it('are removed once: what another server has put there since stays', async () => {
      const path = join(folder, 'inherited.sock');
      const { key, descriptor } = await bind({ kind: 'unix', path });
      const listener = await inheritListener(key, descriptor);
      listener.close();
      assert.equal(existsSync(path), false);
      writeFileSync(path, 'of the next server');
      // At the end of a drain.
      listener.close();
      assert.ok(existsSync(path));
    });

    it('replace a file that a dead server left behind', async () => {
      const path = join(folder, 'stale.sock');
      // Bound, but not listened on: what a killed server leaves.
      const dead = await bind({ kind: 'unix', path });
      const listener = await bind({ kind: 'unix', path });
      assert.ok(existsSync(path));
      listener.close();
      dead.close();
    });

    it('leave alone a socket where somebody answers', async () => {
      const path = join(folder, 'live.sock');
      const server = createServer((client) => client.end()).listen(path);
      await once(server, 'listening');
      assert.match(await refusal({ kind: 'unix', path }), /another program listens there already/);
      (await connectRaw(path)).destroy();
      server.close();
    });

    it('never replace a file that is no socket', async () => {
      const path = join(folder, 'notes.txt');
      writeFileSync(path, 'precious');
      assert.match(await refusal({ kind: 'unix', path }), /or the path is no socket/);
      assert.equal(readFileSync(path, 'utf8'), 'precious');
    });
  });

  it('adopts a socket that was bound before it started', async () => {
    const bound = await bind({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    const master = startStubMaster(
      { binds: [{ kind: 'descriptor', descriptor: 3 }] },
      { descriptors: [bound.descriptor] },
    );
    try {
      await master.logged(new RegExp(`Listening at: ${bound.url} `));
      assert.equal(typeof (await ask(Number(bound.serverPort), 'pid')), 'number');
    } finally {
      await master.stop();
      bound.close();
    }
  });
});
