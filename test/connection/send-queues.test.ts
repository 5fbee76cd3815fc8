import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { platform } from 'node:os';
import { describe, it } from 'node:test';
import { type ReadTables, SendQueues } from '../../src/connection/send-queues.ts';
import { endpointsOf } from '../../src/connection/socket-table.ts';
import { within } from '../support/deadline.ts';

const endpointsAt = (port: number): string =>
  `0100007F:1F90 0100007F:${port.toString(16).padStart(4, '0')}`.toUpperCase();
const entry = (port: number, queue: number): string =>
  `   1: ${endpointsAt(port)} 01 ${queue.toString(16).padStart(8, '0')}:00000000 00:00000000\n`.toUpperCase();

/** Tables as a test has them, each read as long as it likes. */
class FakeTables {
  reads = 0;
  underWay = 0;
  most = 0;
  text = '';
  hold: Promise<void> = Promise.resolve();

  readonly read: ReadTables = async function* (this: FakeTables): AsyncGenerator<Buffer> {
    this.reads += 1;
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    try {
      await this.hold;
      yield Buffer.from(this.text);
    } finally {
      this.underWay -= 1;
    }
  }.bind(this);
}

const measure = (queues: SendQueues, endpoints: string): Promise<number | null> =>
  within(
    30_000,
    new Promise((resolve) => queues.ask(endpoints, { queueMeasured: resolve })),
    () => `no answer about ${endpoints}`,
  );

describe('send queues', () => {
  it('are read once for all who ask in one turn', async () => {
    const tables = new FakeTables();
    const queues = new SendQueues(tables.read);
    const ports = Array.from({ length: 1000 }, (_, index) => 10_000 + index);
    tables.text = ports.map((port) => entry(port, port * 2)).join('');
    const answers = await Promise.all(ports.map((port) => measure(queues, endpointsAt(port))));
    assert.deepEqual(
      answers,
      ports.map((port) => port * 2),
    );
    assert.equal(tables.reads, 1);
  });

  it('are read again for those who ask meanwhile, one read at a time', async () => {
    const tables = new FakeTables();
    const queues = new SendQueues(tables.read);
    tables.text = entry(1, 10) + entry(2, 20) + entry(3, 30);
    let release = (): void => {};
    tables.hold = new Promise((resolve) => {
      release = resolve;
    });
    const first = measure(queues, endpointsAt(1));
    while (tables.reads === 0) await new Promise((resolve) => setImmediate(resolve));
    const others = [measure(queues, endpointsAt(2)), measure(queues, endpointsAt(3))];
    release();
    assert.deepEqual(await Promise.all([first, ...others]), [10, 20, 30]);
    assert.deepEqual([tables.reads, tables.most], [2, 1]);
  });

  it('are not mixed up where this process stands still between a read and its answers', async () => {
    const tables = new FakeTables();
    const queues = new SendQueues(tables.read);
    tables.text = entry(1, 10) + entry(2, 20);
    const first = measure(queues, endpointsAt(1));
    while (tables.reads === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = measure(queues, endpointsAt(2));
    await Promise.resolve();
    // Longer than any rest: timers run before whatever else is due.
    const until = performance.now() + 20;
    while (performance.now() < until);
    assert.deepEqual(await Promise.all([first, second]), [10, 20]);
  });

  it('of a socket that is not listed are known to nobody', async () => {
    const tables = new FakeTables();
    tables.text = entry(1, 10);
    assert.equal(await measure(new SendQueues(tables.read), endpointsAt(2)), null);
  });

  it('are known to nobody where there are no tables', async () => {
    // biome-ignore lint/correctness/useYield: it fails before its first block
    const queues = new SendQueues(async function* () {
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    });
    assert.equal(await measure(queues, endpointsAt(1)), null);
    assert.equal(await measure(queues, endpointsAt(1)), null);
  });

  it('are not told to who does not want to know any more', async () => {
    const tables = new FakeTables();
    const queues = new SendQueues(tables.read);
    tables.text = entry(1, 10) + entry(2, 20);
    const told: string[] = [];
    const asker = (name: string) => ({ queueMeasured: () => told.push(name) });
    queues.ask(endpointsAt(1), asker('before the read'));
    queues.forget(endpointsAt(1));
    queues.ask(endpointsAt(2), asker('while it goes on'));
    while (tables.reads === 0) await new Promise((resolve) => setImmediate(resolve));
    queues.forget(endpointsAt(2));
    assert.equal(await measure(queues, endpointsAt(2)), 20);
    assert.deepEqual(told, []);
  });

  for (const host of ['127.0.0.1', '::1']) {
    it(`are those of the kernel, for ${host}`, {
      skip: platform() !== 'linux' && 'only Linux lists them',
    }, async () => {
      const server = createServer((socket) => socket.pause()).listen(0, host);
      await once(server, 'listening');
      const sockets: Socket[] = [];
      server.on('connection', (socket) => sockets.push(socket));
      const writer = connect((server.address() as AddressInfo).port, host);
      await once(writer, 'connect');
      const queues = new SendQueues();
      const endpoints = endpointsOf(writer) ?? '';
      assert.equal(await measure(queues, endpoints), 0);
      writer.write(Buffer.alloc(32 * 1024 * 1024));
      const queued = await measure(queues, endpoints);
      assert.ok(queued !== null && queued > 0, String(queued));
      for (const socket of [writer, ...sockets]) socket.destroy();
      server.close();
    });
  }
});
