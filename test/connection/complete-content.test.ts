import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { Spool } from '../../src/connection/spool.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { TestEdge } from './edge-harness.ts';

const ok = '200 OK\0';
const memoryBytes = 64 * 1024;
const directory = mkdtempSync(join(tmpdir(), 'portcullis-spool-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let edge: TestEdge;
afterEach(() => edge.stop());

type Change = { readonly contentBytes?: number; readonly spoolBytes?: number; readonly spool?: Spool };

async function start({ contentBytes = 2 ** 30, spoolBytes = 2 ** 30, spool = new Spool(directory) }: Change = {}) {
  edge = new TestEdge(
    (policy): Policy => ({
      ...policy,
      request: { ...policy.request, delivery: 'complete', contentBytes, contentMemoryBytes: memoryBytes },
      spool: { maxBytes: spoolBytes },
    }),
    { spool },
  );
  return edge.listen();
}

const head = (framing: string) => `POST /up HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`;

async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Every byte says where it stands. */
function numbered(bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at++) content[at] = (at * 7 + (at >> 8) * 13) & 0xff;
  return content;
}

/** Files below `directory` that this process has open. */
function openSpoolFiles(): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(directory);
    } catch {
      return false;
    }
  }).length;
}

/** An application that takes what it is granted, a window at a time. */
async function takeAll(index = 0): Promise<Buffer> {
  const request = (await edge.request(index)).start();
  let granted = memoryBytes;
  while (!request.contentHasEnded) {
    await edge.until(() => request.contentHasEnded || request.content.length === granted, 'more content or its end');
    if (request.contentHasEnded) break;
    granted += memoryBytes;
    request.grant(memoryBytes);
  }
  return Buffer.from(request.content, 'latin1');
}

describe('complete content', () => {
  const sizes = [0, 1, 100, memoryBytes - 1, memoryBytes, memoryBytes + 1, 1_000_000, 5_000_000];

  for (const size of sizes) {
    it(`of ${size} bytes arrives whole, with its length, behind any framing`, async () => {
      await start();
      const content = numbered(size);
      const client = await edge.client(head(`Content-Length: ${size}`));
      client.send(content);
      const declared = size === 0 ? Buffer.alloc(0) : await takeAll();
      if (size === 0) (await edge.request()).start();
      assert.ok(declared.equals(content));
      assert.equal(edge.requests[0]?.environ['CONTENT_LENGTH'], String(size));
      edge.requests[0]?.respond(ok, 'first');
      await client.receive(/first$/);
      client.send(head('Transfer-Encoding: chunked'));
      for (let at = 0; at < size; at += 100_000) {
        const piece = content.subarray(at, at + 100_000);
        client.send(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
      }
      client.send('0\r\n\r\n');
      assert.ok((await takeAll(1)).equals(content));
      assert.equal(edge.requests[1]?.environ['CONTENT_LENGTH'], String(size));
      edge.requests[1]?.respond(ok, 'second');
      await client.receive(/second$/);
      assert.equal(edge.edge.spool.usedBytes, 0);
      await edge.until(() => openSpoolFiles() === 0, 'a spool file stays open');
    });
  }

  it('reaches nobody before its last byte', async () => {
    await start();
    const client = await edge.client(head('Content-Length: 200000'));
    client.send(numbered(199_999));
    await edge.until(() => edge.edge.spool.usedBytes > 0, 'nothing spooled');
    await turns();
    assert.equal(edge.requests.length, 0);
    client.send('x');
    assert.equal((await takeAll()).length, 200_000);
  });

  it('has no name on the disk', async () => {
    await start();
    const client = await edge.client(head('Content-Length: 200000'));
    client.send(numbered(150_000));
    await edge.until(() => openSpoolFiles() === 1, 'no file');
    assert.deepEqual(readdirSync(directory), []);
    client.destroy();
    await edge.until(() => openSpoolFiles() === 0, 'the file stays open');
    assert.equal(edge.edge.spool.usedBytes, 0);
  });

  it('is asked for with 100 (Continue), and only then sent', async () => {
    await start();
    const client = await edge.client(head('Content-Length: 3\r\nExpect: 100-continue'));
    await client.receive(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    assert.equal(edge.requests.length, 0);
    client.send('abc');
    assert.equal((await takeAll()).toString(), 'abc');
  });

  it('is refused with 503 where the files of all together would be too large', async () => {
    await start({ spoolBytes: 100_000 });
    const client = await edge.client(head('Content-Length: 200000'));
    client.send(numbered(200_000));
    await client.receive(/^HTTP\/1\.1 503 (.*\r\n)*Retry-After: \d+\r\n(.*\r\n)*\r\n.*spool\.full/s);
    assert.match(edge.lines.join(), /spool\.full \(\d+ of 100000 bytes are used, and \d+ more are needed\)/);
    assert.equal(edge.requests.length, 0);
    assert.equal(edge.edge.spool.usedBytes, 0);
    await edge.until(() => openSpoolFiles() === 0, 'a spool file stays open');
  });

  it('is refused with 503 where no file can be made', async () => {
    const spool = new Spool(join(directory, 'missing'));
    assert.match(spool.problem ?? '', /ENOENT/);
    assert.equal(new Spool(directory).problem, null);
    await start({ spool });
    const client = await edge.client(head('Content-Length: 200000'));
    client.send(numbered(200_000));
    await client.receive(/^HTTP\/1\.1 503 /);
    assert.match(edge.lines.join(), /spool\.full \(ENOENT while writing\)/);
    assert.equal(edge.edge.spool.usedBytes, 0);
  });

  it('of a client that is refused meanwhile is given back', async () => {
    await start({ contentBytes: 300_000 });
    const client = await edge.client(head('Transfer-Encoding: chunked'));
    client.send(Buffer.concat([Buffer.from('30d40\r\n'), numbered(200_000), Buffer.from('\r\n30d40\r\n')]));
    await client.receive(/^HTTP\/1\.1 413 /);
    assert.equal(edge.edge.spool.usedBytes, 0);
    await edge.until(() => openSpoolFiles() === 0, 'a spool file stays open');
  });

  it('that the application does not want is given back', async () => {
    await start();
    const client = await edge.client(head('Content-Length: 1000000'));
    client.send(numbered(1_000_000));
    (await edge.request()).start().respond(ok, 'no, thanks');
    await client.receive(/no, thanks$/);
    assert.equal(edge.edge.spool.usedBytes, 0);
    await edge.until(() => openSpoolFiles() === 0, 'a spool file stays open');
    client.send(head('Content-Length: 2'));
    client.send('ab');
    assert.equal((await takeAll(1)).toString(), 'ab');
  });

  it('whose worker fails is given back, and the client told', async () => {
    await start();
    const client = await edge.client(head('Content-Length: 1000000'));
    client.send(numbered(1_000_000));
    (await edge.request()).start().fail(reject('worker.failed', 'gone'));
    await client.receive(/^HTTP\/1\.1 502 /);
    assert.equal(edge.edge.spool.usedBytes, 0);
  });
});
