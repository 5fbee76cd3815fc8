/**
 * The frames between an edge and a worker (docs/link.md): a header of 12 bytes, little endian (length of the payload u32,
 * type u8, flags u8, zero u16, request id u32), then the payload.
 */
export const frameHeaderBytes = 12;

export const frameType = {
  hello: 1,
  welcome: 2,
  request: 3,
  response: 4,
  content: 5,
  credit: 6,
  abort: 7,
  draining: 8,
  fault: 9,
  pace: 10,
} as const;

/** Nothing more of this message follows. On `request`, `response` and `content` only. */
export const endFlag = 1;

/** Senders cut content into pieces of at most so many bytes, so that a frame fits into one read of 64 KiB. */
export const maxPieceBytes = 65536 - frameHeaderBytes;

/** Of an abort or a fault, for the log. */
export const maxReasonBytes = 256;
/** Every frame but the three that carry a message is small; more is a bug of the peer. */
const maxSmallPayloadBytes = maxReasonBytes;
/** A frame's buffer that is larger is given back when the frame is done. */
const keptBytes = 128 * 1024;

export interface FrameReceiver {
  /**
   * One whole frame; the payload is `bytes` from `start` to `stop`, valid during the call. Answers what is wrong with it,
   * or null.
   */
  receiveFrame(type: number, end: boolean, id: number, bytes: Buffer, start: number, stop: number): string | null;
}

/**
 * Turns bytes, cut anywhere, into frames. A frame that lies whole in the bytes given is not copied. Holds at most one
 * frame of `maxPayloadBytes`. After a fault or `stop` it takes nothing more.
 */
export class FrameDecoder {
  /** Of the frames that carry a message. A worker learns it with the edge's welcome. */
  maxPayloadBytes: number;
  readonly #receiver: FrameReceiver;
  #frame = Buffer.alloc(0);
  /** Bytes of `#frame` that have arrived. */
  #held = 0;
  #stopped = false;

  constructor(maxPayloadBytes: number, receiver: FrameReceiver) {
    this.maxPayloadBytes = maxPayloadBytes;
    this.#receiver = receiver;
  }

  /** The first `length` bytes; they are read before this returns. Answers what is wrong with them, or null. */
  receive(bytes: Buffer, length: number): string | null {
    let at = 0;
    while (this.#held > 0 && at < length && !this.#stopped) {
      at += this.#hold(bytes, at, length);
      if (this.#held < frameHeaderBytes) return null;
      const fault = this.#headerFault(this.#frame, 0) ?? this.#deliverHeld();
      if (fault !== null) return this.#fail(fault);
    }
    while (length - at >= frameHeaderBytes && !this.#stopped) {
      const fault = this.#headerFault(bytes, at);
      if (fault !== null) return this.#fail(fault);
      const stop = at + frameHeaderBytes + bytes.readUInt32LE(at);
      if (stop > length) break;
      const wrong = this.#deliver(bytes, at, stop);
      if (wrong !== null) return this.#fail(wrong);
      at = stop;
    }
    while (at < length && !this.#stopped) at += this.#hold(bytes, at, length);
    return null;
  }

  /** The link is over: the frames that are left in the current bytes are dropped. */
  stop(): void {
    this.#stopped = true;
  }

  #fail(fault: string): string {
    this.#stopped = true;
    return fault;
  }

  /** Copies towards the header first, then, once the length is known and checked, towards the whole frame. */
  #hold(bytes: Buffer, at: number, length: number): number {
    const wanted = this.#held < frameHeaderBytes ? frameHeaderBytes : this.#heldFrameBytes();
    if (this.#frame.length < wanted) {
      const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 1024));
      this.#frame.copy(larger, 0, 0, this.#held);
      this.#frame = larger;
    }
    const taken = Math.min(wanted - this.#held, length - at);
    bytes.copy(this.#frame, this.#held, at, at + taken);
    this.#held += taken;
    return taken;
  }

  #heldFrameBytes(): number {
    return frameHeaderBytes + this.#frame.readUInt32LE(0);
  }

  #deliverHeld(): string | null {
    const frameBytes = this.#heldFrameBytes();
    if (this.#held < frameBytes) return null;
    this.#held = 0;
    const fault = this.#deliver(this.#frame, 0, frameBytes);
    if (this.#frame.length > keptBytes) this.#frame = Buffer.alloc(0);
    return fault;
  }

  #deliver(bytes: Buffer, at: number, stop: number): string | null {
    const end = bytes[at + 5] === endFlag;
    return this.#receiver.receiveFrame(
      bytes[at + 4] ?? 0,
      end,
      bytes.readUInt32LE(at + 8),
      bytes,
      at + frameHeaderBytes,
      stop,
    );
  }

  #headerFault(bytes: Buffer, at: number): string | null {
    const payloadBytes = bytes.readUInt32LE(at);
    const type = bytes[at + 4] ?? 0;
    const flags = bytes[at + 5] ?? 0;
    if (type < frameType.hello || type > frameType.pace) return `frame of unknown type ${type}`;
    if (bytes.readUInt16LE(at + 6) !== 0) return 'reserved bytes are not zero';
    const carriesMessage = type === frameType.request || type === frameType.response || type === frameType.content;
    if (flags > (carriesMessage ? endFlag : 0)) return `frame of type ${type} with flags ${flags}`;
    const mostBytes = carriesMessage ? this.maxPayloadBytes : maxSmallPayloadBytes;
    if (payloadBytes > mostBytes) return `frame of ${payloadBytes} bytes, more than ${mostBytes}`;
    return null;
  }
}

/** Writes a header at `at`; the payload follows at `at + frameHeaderBytes`. */
export function writeFrameHeader(
  bytes: Buffer,
  at: number,
  type: number,
  flags: number,
  id: number,
  payloadBytes: number,
): void {
  bytes.writeUInt32LE(payloadBytes, at);
  bytes[at + 4] = type;
  bytes[at + 5] = flags;
  bytes.writeUInt16LE(0, at + 6);
  bytes.writeUInt32LE(id, at + 8);
}
