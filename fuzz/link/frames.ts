import { endFlag, FrameDecoder, frameHeaderBytes, frameType, writeFrameHeader } from '../../src/link/frame.ts';
import { Violation } from '../violation.ts';

export type Frame = { readonly type: number; readonly end: boolean; readonly id: number; readonly payload: string };

/** What a decoder made of bytes; `silence` is the most bytes that it took in a row without a word. */
export type FrameReading = {
  readonly frames: readonly Frame[];
  readonly fault: string | null;
  readonly silence: number;
};

/** `answer` is what the receiver says of a frame, by its index. After a fault nothing may come any more. */
export function readFrames(
  pieces: readonly Buffer[],
  maxPayloadBytes: number,
  answer: (index: number, decoder: FrameDecoder) => string | null = () => null,
): FrameReading {
  const frames: Frame[] = [];
  let fault: string | null = null;
  let silence = 0;
  let longest = 0;
  const decoder: FrameDecoder = new FrameDecoder(maxPayloadBytes, {
    receiveFrame(type, end, id, bytes, start, stop) {
      if (fault !== null) throw new Violation('over-after-a-fault', `a frame of type ${type}`);
      silence = 0;
      frames.push({ type, end, id, payload: bytes.toString('latin1', start, stop) });
      return answer(frames.length - 1, decoder);
    },
  });
  for (const piece of pieces) {
    silence += piece.length;
    const wrong = decoder.receive(piece, piece.length);
    if (fault !== null && wrong !== null) throw new Violation('over-after-a-fault', wrong);
    fault ??= wrong;
    if (fault !== null) silence = 0;
    longest = Math.max(longest, silence);
  }
  return { frames, fault, silence: longest };
}

/** The bytes of a frame; nothing is checked. */
export function frameBytes(type: number, flags: number, id: number, payload: Uint8Array, reserved = 0): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  writeFrameHeader(bytes, 0, type, flags, id, payload.length);
  bytes.writeUInt16LE(reserved, 6);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The number of a frame's type, and bits beside it: END, another flag, and reserved bytes that are not zero. */
const TYPE_BITS = 15;
const END_BIT = 16;
const FLAG_BIT = 32;
const RESERVED_BIT = 64;

/**
 * Frames from a shorthand, which finds its way deeper than bytes that have to be frames by chance. Each is a type byte, an
 * id counted from the link's first one (0 is none), the length of its payload and the payload. One byte stands for the
 * length of a response's head, and for the number of a credit.
 */
export function framesOf(shorthand: Uint8Array, firstId: number): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at + 3 <= shorthand.length; ) {
    const [bits = 0, number = 0, length = 0] = shorthand.subarray(at, at + 3);
    const given = shorthand.subarray(at + 3, at + 3 + length);
    const type = bits & TYPE_BITS;
    const [first = 0] = given;
    let payload: Uint8Array = given;
    if (type === frameType.response && given.length > 0) payload = Buffer.concat([u32(first), given.subarray(1)]);
    else if (type === frameType.credit && given.length === 1) payload = u32(first);
    const flags = ((bits & END_BIT) === 0 ? 0 : endFlag) | ((bits & FLAG_BIT) === 0 ? 0 : 2);
    const id = number === 0 ? 0 : (firstId + number - 1) >>> 0;
    frames.push(frameBytes(type, flags, id, payload, bits & RESERVED_BIT));
    at += 3 + length;
  }
  return Buffer.concat(frames);
}
