import { FrameDecoder, frameHeaderBytes, writeFrameHeader } from '../../src/link/frame.ts';

export type SeenFrame = {
  readonly type: number;
  readonly end: boolean;
  readonly id: number;
  readonly payload: string;
};

/** One frame as it travels; `payload` in latin1. Nothing is checked: bad frames are made here too. */
export function frameBytes(type: number, id: number, payload: string | Uint8Array = '', flags = 0): Buffer {
  const content = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const bytes = Buffer.alloc(frameHeaderBytes + content.length);
  writeFrameHeader(bytes, 0, type, flags, id, content.length);
  bytes.set(content, frameHeaderBytes);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** What a decoder makes of the pieces. */
export function decodeFrames(
  pieces: readonly Buffer[],
  maxPayloadBytes = 65536,
): { readonly frames: SeenFrame[]; readonly fault: string | null } {
  const frames: SeenFrame[] = [];
  const decoder = new FrameDecoder(maxPayloadBytes, {
    receiveFrame(type, end, id, bytes, start, stop) {
      frames.push({ type, end, id, payload: bytes.toString('latin1', start, stop) });
      return null;
    },
  });
  let fault: string | null = null;
  for (const piece of pieces) fault ??= decoder.receive(piece, piece.length);
  return { frames, fault };
}

export function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

/** The same bytes, cut at these places. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((cut, index) => bytes.subarray(cuts[index], cut));
}
