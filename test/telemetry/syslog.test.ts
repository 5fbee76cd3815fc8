import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { syslogLine } from '../../src/telemetry/syslog.ts';
import { syslogTarget } from '../../src/telemetry/syslog-stream.ts';
import { within } from '../support/deadline.ts';

const tag = 'portcullis.site.access';
const line = (text: string): string => syslogLine(16, 'info', tag, 4711, text);
const entry = '<134>portcullis.site.access: [4711] ';

/** A receiver over a connection, and what has come so far. */
class Receiver {
  text = '';
  readonly server: Server;
  readonly sockets: Socket[] = [];
  #check: () => void = () => {};

  constructor() {
    this.server = createServer((socket) => {
      this.sockets.push(socket);
      socket.setEncoding('latin1').on('data', (text: string) => {
        this.text += text;
        this.#check();
      });
      socket.on('error', () => {});
    });
  }

  async received(text: string): Promise<void> {
    const arrived = new Promise<void>((resolve) => {
      this.#check = () => {
        if (this.text.endsWith(text)) resolve();
      };
      this.#check();
    });
    await within(30_000, arrived, () => `received ${JSON.stringify(this.text)}`);
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

describe('syslog', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'syslog-test-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("has Gunicorn's form, with the level in its number", () => {
    assert.equal(syslogLine(1, 'info', tag, 1, 'x'), '<14>portcullis.site.access: [1] x\n');
    assert.equal(syslogLine(16, 'critical', tag, 1, 'x'), '<130>portcullis.site.access: [1] x\n');
  });

  it('sends a datagram a line over UDP', async () => {
    const receiver = createSocket('udp4');
    const messages: string[] = [];
    const both = new Promise<void>((resolve) => {
      receiver.on('message', (message) => {
        messages.push(message.toString('latin1'));
        if (messages.length === 2) resolve();
      });
    });
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const target = syslogTarget({ kind: 'udp', host: '127.0.0.1', port: receiver.address().port }, tag);
    assert.equal(await target.append(Buffer.from(line('a') + line('b'))), null);
    await within(30_000, both, () => `received ${messages}`);
    assert.deepEqual(messages, [`${entry}a`, `${entry}b`]);
    target.close();
    receiver.close();
  });

  it('loses lines where nobody receives, and no more than that', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    const tcp = syslogTarget({ kind: 'tcp', host: '127.0.0.1', port }, tag);
    assert.deepEqual(await tcp.append(Buffer.from(line('a'))), { lines: 1, reason: 'ECONNREFUSED' });
    // It is not asked again at once.
    assert.deepEqual(await tcp.append(Buffer.from(line('b'))), { lines: 1, reason: 'ECONNREFUSED' });
    const unix = syslogTarget({ kind: 'unix', path: join(folder, 'nobody'), type: 'stream' }, tag);
    assert.deepEqual(await unix.append(Buffer.from(line('a'))), { lines: 1, reason: 'ENOENT' });
  });

  it('sends lines over TCP, and again after the receiver was away', async () => {
    const receiver = new Receiver();
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    const { port } = receiver.server.address() as AddressInfo;
    const target = syslogTarget({ kind: 'tcp', host: '127.0.0.1', port }, tag);
    assert.equal(await target.append(Buffer.from(line('a'))), null);
    await receiver.received(`${entry}a\n`);
    for (const socket of receiver.sockets) socket.resetAndDestroy();
    const reasons = new Set<string | undefined>();
    const again = async (): Promise<void> => {
      while (receiver.sockets.length < 2) {
        const loss = await target.append(Buffer.from(line('b')));
        reasons.add(loss?.reason);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await within(30_000, again(), () => 'it does not connect again');
    await receiver.received(`${entry}b\n`);
    assert.ok(!reasons.has(''), 'whoever reads of the loss wants to know why');
    target.close();
    receiver.close();
  });

  for (const type of ['stream', null] as const) {
    it(`ends each entry with NUL on a Unix stream (${type ?? 'found out'})`, async () => {
      const path = join(folder, `stream-${type}`);
      const receiver = new Receiver();
      receiver.server.listen(path);
      await once(receiver.server, 'listening');
      const target = syslogTarget({ kind: 'unix', path, type }, tag);
      assert.equal(await target.append(Buffer.from(line('a') + line('b'))), null);
      await receiver.received(`${entry}a\0${entry}b\0`);
      target.close();
      receiver.close();
    });
  }

  for (const type of ['dgram', null] as const) {
    const skip = spawnSync('logger', ['--version']).status === 0 ? false : 'logger is not installed';
    it(`sends Unix datagrams through logger (${type ?? 'found out'})`, { skip }, async () => {
      const path = join(folder, `dgram-${type}`);
      const script = `import socket,sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
for _ in range(2): print(s.recv(65536).decode('latin1').rstrip('\\0'), flush=True)`;
      const receiver = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      let received = '';
      const [closed, bound] = [once(receiver, 'close'), once(receiver.stdout.setEncoding('utf8'), 'data')];
      receiver.stdout.on('data', (text: string) => {
        received += text;
      });
      await bound;
      const target = syslogTarget({ kind: 'unix', path, type }, tag);
      assert.equal(await target.append(Buffer.from(line('a') + line('>b'))), null);
      await within(30_000, closed, () => `received ${received}`);
      const head = '<134>\\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d portcullis\\.site\\.access: \\[4711\\] ';
      assert.match(received, new RegExp(`^bound\n${head}a\n${head}>b\n$`));
      target.close();
    });
  }
});
