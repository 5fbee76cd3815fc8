import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  helloBytes,
  helloFault,
  readWelcome,
  welcomeBytes,
  writeHello,
  writeWelcome,
} from '../../src/link/greeting.ts';

const expected = { pid: 4711, token: Buffer.alloc(32, 7) };

function hello(change: (bytes: Buffer) => void = () => {}): Buffer {
  const bytes = Buffer.alloc(helloBytes);
  writeHello(bytes, 0, expected.pid, expected.token);
  change(bytes);
  return bytes;
}

const faults = [
  { behaviour: 'another version', bytes: hello((bytes) => bytes.writeUInt16LE(2, 0)), fault: /version 2/ },
  { behaviour: 'a reserved bit', bytes: hello((bytes) => bytes.writeUInt16LE(1, 2)), fault: /reserved/ },
  { behaviour: 'another process', bytes: hello((bytes) => bytes.writeUInt32LE(1, 4)), fault: /process 1/ },
  { behaviour: 'a token that ends otherwise', bytes: hello((bytes) => bytes.writeUInt8(8, 39)), fault: /token/ },
  { behaviour: 'a short hello', bytes: hello().subarray(0, 39), fault: /39 bytes/ },
  { behaviour: 'a long hello', bytes: Buffer.concat([hello(), Buffer.alloc(1)]), fault: /41 bytes/ },
];

describe('the greeting', () => {
  it('of the right worker is accepted', () => {
    assert.equal(helloFault(hello(), 0, helloBytes, expected), null);
  });

  for (const { behaviour, bytes, fault } of faults) {
    it(`refuses ${behaviour}`, () => {
      assert.match(helloFault(bytes, 0, bytes.length, expected) ?? '', fault);
    });
  }

  it('tells the worker the sizes', () => {
    const welcome = { contentWindowBytes: 1, responseWindowBytes: 0xffffffff, maxPayloadBytes: 3 };
    const bytes = Buffer.alloc(welcomeBytes);
    writeWelcome(bytes, 0, welcome);
    assert.deepEqual(readWelcome(bytes, 0, welcomeBytes), welcome);
    bytes.writeUInt16LE(2, 0);
    assert.equal(readWelcome(bytes, 0, welcomeBytes), 'link version 2, not 1');
    assert.equal(readWelcome(bytes, 0, 4), 'welcome of 4 bytes');
  });

  it('refuses a welcome with a reserved bit', () => {
    const bytes = Buffer.alloc(welcomeBytes);
    writeWelcome(bytes, 0, { contentWindowBytes: 1, responseWindowBytes: 2, maxPayloadBytes: 3 });
    bytes.writeUInt16LE(1, 2);
    assert.equal(readWelcome(bytes, 0, welcomeBytes), 'reserved bytes are not zero');
  });
});
