import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { frameType, maxPieceBytes } from '../../src/link/frame.ts';
import { FrameBatch } from '../../src/link/frame-batch.ts';
import { decodeFrames, type SeenFrame } from './bytes.ts';

/** A socket that takes all at once, or holds on to it until `release`. */
class Wire {
  readonly writes: Buffer[] = [];
  writableLength = 0;
  destroyed = false;
  isSlow = false;
  readonly #held: { readonly bytes: Uint8Array; readonly written: () => void }[] = [];

  write(bytes: Uint8Array, written: () => void): void {
    if (this.isSlow) {
      this.#held.push({ bytes, written });
      this.writableLength += bytes.length;
    } else {
      this.writes.push(Buffer.from(bytes));
      queueMicrotask(written);
    }
  }

  /** The kernel takes all that was written, which is read only now. */
  release(): void {
    for (const { bytes, written } of this.#held.splice(0)) {
      this.writes.push(Buffer.from(bytes));
      this.writableLength -= bytes.length;
      written();
    }
  }

  frames(): SeenFrame[] {
    const { frames, fault } = decodeFrames(this.writes, 1 << 20);
    assert.equal(fault, null);
    return frames;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a frame batch', () => {
  it('writes once for all frames of one turn of the event loop', async () => {
    const wire = new Wire();
    const batch = new FrameBatch(wire);
    for (let id = 1; id <= 100; id++) batch.credit(id, 5);
    assert.equal(wire.writes.length, 0);
    await turn();
    await turn();
    assert.equal(wire.writes.length, 1);
    assert.equal(wire.frames().length, 100);
  });

  it('says that it has no room while much waits, and once that it has some again', async () => {
    const wire = new Wire();
    wire.isSlow = true;
    const batch = new FrameBatch(wire);
    let told = 0;
    batch.onRoom = () => {
      told += 1;
    };
    assert.ok(batch.hasRoom);
    for (let id = 1; batch.hasRoom; id++) batch.content(id, Buffer.alloc(maxPieceBytes), false);
    const waiting = wire.writableLength;
    await turn();
    await turn();
    assert.ok(wire.writableLength > waiting && !batch.hasRoom, 'written is not taken');
    assert.equal(told, 0);
    wire.isSlow = false;
    wire.release();
    await turn();
    await turn();
    assert.ok(batch.hasRoom);
    assert.equal(told, 1);
    batch.credit(1, 5);
    await turn();
    await turn();
    assert.equal(told, 1);
  });

  it('adds content to the frame of the same message that it follows', async () => {
    const wire = new Wire();
    const batch = new FrameBatch(wire);
    const at = batch.begin(frameType.response, false, 1, 6);
    batch.bytes.write('head:a', at);
    batch.content(1, Buffer.from('b'), false);
    batch.content(2, Buffer.from('other'), false);
    batch.content(1, Buffer.from('c'), false);
    batch.content(1, Buffer.alloc(0), true);
    batch.content(1, Buffer.from('after the end'), false);
    await turn();
    assert.deepEqual(wire.frames(), [
      { type: frameType.response, end: false, id: 1, payload: 'head:ab' },
      { type: frameType.content, end: false, id: 2, payload: 'other' },
      { type: frameType.content, end: true, id: 1, payload: 'c' },
      { type: frameType.content, end: false, id: 1, payload: 'after the end' },
    ]);
  });

  it('cuts content into pieces that fit one read', async () => {
    const wire = new Wire();
    const batch = new FrameBatch(wire);
    batch.content(1, Buffer.alloc(2 * maxPieceBytes + 1, 'x'), true);
    await turn();
    const seen = wire.frames().map(({ end, payload }) => ({ end, length: payload.length }));
    assert.deepEqual(seen, [
      { end: false, length: maxPieceBytes },
      { end: false, length: maxPieceBytes },
      { end: true, length: 1 },
    ]);
  });

  it('keeps what a slow socket still reads, and has one write under way', async () => {
    const wire = new Wire();
    const batch = new FrameBatch(wire);
    wire.isSlow = true;
    batch.credit(1, 1);
    await turn();
    for (let id = 2; id < 5; id++) {
      batch.credit(id, id);
      await turn();
    }
    assert.equal(wire.writes.length, 0);
    wire.release();
    wire.release();
    assert.equal(wire.writes.length, 2);
    wire.isSlow = false;
    batch.credit(5, 5);
    await turn();
    assert.deepEqual(
      wire.frames().map(({ id }) => id),
      [1, 2, 3, 4, 5],
    );
  });

  it('touches neither of two writes that are under way', async () => {
    const wire = new Wire();
    const batch = new FrameBatch(wire);
    wire.isSlow = true;
    for (const letter of ['a', 'b', 'c', 'd']) {
      batch.content(1, Buffer.alloc(100, letter), false);
      batch.flushAll();
    }
    wire.release();
    assert.deepEqual(
      wire.frames().map(({ payload }) => payload[0]),
      ['a', 'b', 'c', 'd'],
    );
  });

  it('keeps order and content whatever the socket does', async () => {
    const step = fc.oneof(
      fc.record({ id: fc.nat(2), bytes: fc.integer({ min: 1, max: 90_000 }) }),
      fc.constantFrom('turn', 'slow', 'fast', 'release', 'flush'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const wire = new Wire();
        const batch = new FrameBatch(wire);
        const sent = ['', '', ''];
        let next = 0;
        for (const action of steps) {
          if (action === 'turn') await turn();
          else if (action === 'slow') wire.isSlow = true;
          else if (action === 'fast') wire.isSlow = wire.writableLength > 0;
          else if (action === 'release') wire.release();
          else if (action === 'flush') batch.flushAll();
          else if (typeof action === 'object') {
            const content = Buffer.alloc(action.bytes, `${next++},`);
            sent[action.id] += content.toString('latin1');
            batch.content(action.id, content, false);
          }
        }
        batch.flushAll();
        while (wire.writableLength > 0) wire.release();
        const received = ['', '', ''];
        for (const { id, payload } of wire.frames()) received[id] += payload;
        assert.ok(received.every((content, id) => content === sent[id]));
      }),
      { numRuns: 100 },
    );
  });

  it('drops what is meant for a socket that is gone', async () => {
    const wire = new Wire();
    const batch = new FrameBatch(wire);
    batch.credit(1, 1);
    wire.destroyed = true;
    await turn();
    wire.destroyed = false;
    batch.credit(2, 2);
    await turn();
    assert.deepEqual(
      wire.frames().map(({ id }) => id),
      [2],
    );
  });

  it('lets out what has waited longer than asked', async () => {
    const wire = new Wire();
    const batch = new FrameBatch(wire);
    batch.credit(1, 1);
    batch.flushIfOlderThan(1000);
    assert.equal(wire.writes.length, 0);
    for (const start = performance.now(); performance.now() - start < 3; );
    batch.flushIfOlderThan(2);
    assert.equal(wire.writes.length, 1);
  });
});
