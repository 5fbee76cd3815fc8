import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { endFlag, FrameDecoder, frameType } from '../../src/link/frame.ts';
import { byteByByte, cutAt, decodeFrames, frameBytes } from './bytes.ts';

const messageTypes: readonly number[] = [frameType.request, frameType.response, frameType.content];

const frames = fc.array(
  fc
    .record({
      type: fc.constantFrom(...Object.values(frameType)),
      end: fc.boolean(),
      id: fc.nat(0xffffffff),
      payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    })
    .map((frame) => ({ ...frame, end: frame.end && messageTypes.includes(frame.type) })),
  { maxLength: 8 },
);

describe('frames', () => {
  it('are the same again after any cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(2000), { maxLength: 6 }), (sent, places) => {
        const encoded = sent.map(({ type, id, payload, end }) => frameBytes(type, id, payload, end ? endFlag : 0));
        const bytes = Buffer.concat(encoded);
        const whole = { frames: sent, fault: null };
        assert.deepEqual(decodeFrames([bytes]), whole);
        assert.deepEqual(decodeFrames(byteByByte(bytes)), whole);
        assert.deepEqual(decodeFrames(cutAt(bytes, places)), whole);
      }),
    );
  });

  it('of any bytes give the same frames and the same fault for every cut', () => {
    const header = fc
      .tuple(fc.nat(40), fc.nat(10), fc.nat(2), fc.constantFrom(0, 0, 0, 1), fc.nat(3))
      .map(([length, type, flags, reserved, id]) => [length, 0, 0, 0, type, flags, reserved, 0, id, 0, 0, 0]);
    const bytes = fc.array(fc.oneof(header, fc.array(fc.nat(255), { maxLength: 40 })), { maxLength: 6 });
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(400), { maxLength: 6 }), (runs, places) => {
        const whole = Buffer.from(runs.flat());
        const seen = decodeFrames([whole], 32);
        assert.deepEqual(decodeFrames(byteByByte(whole), 32), seen);
        assert.deepEqual(decodeFrames(cutAt(whole, places), 32), seen);
      }),
      { numRuns: 500 },
    );
  });

  it('that lie whole in what was read are not copied', () => {
    const bytes = Buffer.concat([
      frameBytes(frameType.content, 1, 'first'),
      frameBytes(frameType.content, 1, 'second'),
    ]);
    let inPlace = 0;
    const decoder = new FrameDecoder(100, {
      receiveFrame(_type, _end, _id, seen) {
        if (seen === bytes) inPlace += 1;
        return null;
      },
    });
    assert.equal(decoder.receive(bytes, bytes.length), null);
    assert.equal(inPlace, 2);
  });

  it('end with the fault that their receiver finds', () => {
    let seen = 0;
    const decoder = new FrameDecoder(100, {
      receiveFrame() {
        seen += 1;
        return 'not now';
      },
    });
    const bytes = frameBytes(frameType.content, 1, 'content');
    assert.equal(decoder.receive(Buffer.concat([bytes, bytes]), bytes.length * 2), 'not now');
    assert.equal(decoder.receive(bytes, bytes.length), null);
    assert.equal(seen, 1);
  });
});

const faults: readonly {
  readonly behaviour: string;
  readonly bytes: Buffer;
  readonly fault: RegExp;
  readonly maxPayloadBytes?: number;
}[] = [
  { behaviour: 'an unknown type', bytes: frameBytes(0, 1), fault: /unknown type 0/ },
  { behaviour: 'a type from the future', bytes: frameBytes(11, 1), fault: /unknown type 11/ },
  { behaviour: 'an unknown flag', bytes: frameBytes(frameType.content, 1, 'x', 2), fault: /flags 2/ },
  { behaviour: 'an end where nothing ends', bytes: frameBytes(frameType.credit, 1, 'xxxx', endFlag), fault: /flags 1/ },
  { behaviour: 'a payload that is too long', bytes: frameBytes(frameType.content, 1, 'x'.repeat(101)), fault: /101/ },
  {
    behaviour: 'a long reason',
    bytes: frameBytes(frameType.abort, 1, 'x'.repeat(257)),
    fault: /257/,
    maxPayloadBytes: 1000,
  },
  { behaviour: 'a reserved byte', bytes: reserved(6), fault: /reserved/ },
  { behaviour: 'the other reserved byte', bytes: reserved(7), fault: /reserved/ },
];

function reserved(at: number): Buffer {
  const bytes = frameBytes(frameType.content, 1, 'x');
  bytes[at] = 1;
  return bytes;
}

describe('the frame decoder', () => {
  for (const { behaviour, bytes, fault, maxPayloadBytes = 100 } of faults) {
    it(`refuses ${behaviour} as soon as the header is there`, () => {
      const header = bytes.subarray(0, 12);
      for (const pieces of [[header], byteByByte(header)])
        assert.match(decodeFrames(pieces, maxPayloadBytes).fault ?? '', fault);
    });
  }
});
