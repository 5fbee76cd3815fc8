import { isDeepStrictEqual } from 'node:util';
import { type FrameDecoder, frameHeaderBytes, frameType, maxReasonBytes } from '../src/link/frame.ts';
import { helloFault, readWelcome, welcomeBytes, writeWelcome } from '../src/link/greeting.ts';
import { EnvironDecoder } from '../src/worker/decode-environ.ts';
import { cutAt } from './control.ts';
import { driveEdge, type EdgeControl, firstIdOf } from './link/edge.ts';
import { type Frame, frameBytes, framesOf, readFrames } from './link/frames.ts';
import { Violation } from './violation.ts';

/**
 * The first three bytes of an input say how the rest is read. The lowest two bits of the first one: frames, an environ
 * block, a worker's bytes, or a worker's frames in shorthand (`framesOf`). Then for a worker: bit 2, it says no hello
 * before; bit 3, its socket is slow; bit 4, its ids wrap around; bit 5, the policy changes between its second request and
 * its third. The second byte chooses the cuts. The third one: which frame is refused by the decoder's receiver; how much of an
 * environ block comes before; which request a worker began last.
 */
export const CONTROL_BYTES = 3;

/** Small, so that short inputs reach it. */
const maxPayloadBytes = 48;

/**
 * The bytes of a worker are frames, or a fault: nothing throws, and they mean the same however they are cut. A decoder
 * holds one frame at most, and its frames are the bytes that came. At an edge they end every request exactly once, within
 * the windows, and what may have begun is never sent again; a fault ends the link and nothing else. An environ block is
 * what it says, read often or once.
 *
 * Left out: the worker's end of a link, which connects by itself and reads what an edge of the same installation wrote;
 * the deadline of the hello; a socket that takes a part of a write.
 */
export function fuzz(data: Buffer): void {
  if (data.length < CONTROL_BYTES) return;
  const [bits = 0, cuts = 0, choice = 0] = data;
  const bytes = data.subarray(CONTROL_BYTES);
  switch (bits & 3) {
    case 0:
      return checkFrames(bytes, cuts, choice);
    case 1:
      return checkEnviron(bytes, choice);
    default: {
      const control = {
        started: choice & 15,
        isGreeted: (bits & 4) === 0,
        isSlow: (bits & 8) !== 0,
        wraps: (bits & 16) !== 0,
        reloads: (bits & 32) !== 0,
      };
      return checkEdge((bits & 1) === 0 ? bytes : framesOf(bytes, firstIdOf(control)), cuts, control);
    }
  }
}

function checkFrames(bytes: Buffer, cuts: number, choice: number): void {
  const answer = (index: number, decoder: FrameDecoder): string | null => {
    if (index === choice - 16) decoder.stop();
    return index === choice ? 'refused' : null;
  };
  const whole = readFrames([bytes], maxPayloadBytes, answer);
  const pieces = cutAt(bytes, cuts).map((piece) => Buffer.from(piece));
  const cut = readFrames(pieces, maxPayloadBytes, answer);
  checkSame(frameSummary(whole), frameSummary(cut));
  // Of one that stops, the rest is dropped without a word.
  const isStopped = whole.frames.length > choice - 16 && choice >= 16;
  const longestPiece = pieces.reduce((longest, { length }) => Math.max(longest, length), 0);
  if (!isStopped && cut.silence >= frameHeaderBytes + Math.max(maxPayloadBytes, maxReasonBytes) + longestPiece) {
    throw new Violation('bounded-memory', `${cut.silence} bytes taken without a word`);
  }
  checkEncoded(bytes, whole.frames, whole.fault, isStopped);
  for (const frame of whole.frames) checkGreeting(frame);
}

function frameSummary({ frames, fault }: { readonly frames: readonly Frame[]; readonly fault: string | null }): string {
  return JSON.stringify([frames, fault]);
}

/** The frames are the bytes; what follows is less than a frame, or at fault. */
function checkEncoded(bytes: Buffer, frames: readonly Frame[], fault: string | null, isStopped: boolean): void {
  const encoded = frames.map(({ type, end, id, payload }) =>
    frameBytes(type, end ? 1 : 0, id, Buffer.from(payload, 'latin1')),
  );
  const again = Buffer.concat(encoded);
  const rest = bytes.subarray(again.length);
  if (!again.equals(bytes.subarray(0, again.length))) throw new Violation('same-bytes', again.toString('latin1'));
  if (isStopped || fault === 'refused') return;
  const isWhole = rest.length >= frameHeaderBytes;
  if (isWhole ? isSound(rest) === (fault !== null) : fault !== null) throw new Violation('faults-refused', `${fault}`);
  if (fault !== null) {
    if (!/^[a-z0-9 ,]{1,80}$/.test(fault)) throw new Violation('fault-in-words', JSON.stringify(fault));
  } else if (isWhole && rest.length >= frameHeaderBytes + rest.readUInt32LE(0)) {
    throw new Violation('same-bytes', 'a whole frame is kept back');
  }
}

/** The header that `rest` begins with keeps to docs/link.md. */
function isSound(rest: Buffer): boolean {
  const [type = 0, flags = 0] = rest.subarray(4, 6);
  const isMessage = [frameType.request, frameType.response, frameType.content].some((known) => known === type);
  const isFlagged = isMessage ? flags <= 1 : flags === 0;
  const mostBytes = isMessage ? maxPayloadBytes : maxReasonBytes;
  return type >= 1 && type <= 10 && isFlagged && rest.readUInt16LE(6) === 0 && rest.readUInt32LE(0) <= mostBytes;
}

const expected = { pid: 7, token: Buffer.alloc(32, 't') };

/** A greeting is one, or is refused in words. */
function checkGreeting({ type, payload }: Frame): void {
  const bytes = Buffer.from(payload, 'latin1');
  if (type === frameType.hello) {
    const fault = helloFault(bytes, 0, bytes.length, expected);
    const isGood = payload === `\x01\0\0\0\x07\0\0\0${'t'.repeat(32)}`;
    if (isGood !== (fault === null)) throw new Violation('greeting', `${fault}`);
  } else if (type === frameType.welcome) {
    const welcome = readWelcome(bytes, 0, bytes.length);
    if (typeof welcome === 'string') return;
    const again = Buffer.alloc(welcomeBytes);
    writeWelcome(again, 0, welcome);
    if (!again.equals(bytes)) throw new Violation('greeting', JSON.stringify(welcome));
  }
}

function checkSame(whole: string, cut: string): void {
  if (whole !== cut) throw new Violation('split-invariant', `in pieces: ${cut}\nwhole: ${whole}`);
}

const constants = { 'wsgi.run_once': false, 'wsgi.input': null };
/** More often than a decoder waits before it compiles. */
const uses = 34;

/** `choice` bytes of the block are read as one before and after, so that the decoder knows a part of the way. */
function checkEnviron(block: Buffer, choice: number): void {
  const decoder = new EnvironDecoder(constants);
  const part = Math.min(choice, block.length);
  const readPart = plainEnviron(block.toString('latin1', 0, part));
  const readWhole = plainEnviron(block.toString('latin1'));
  checkDecoded(decoder.decode(block, 0, part), readPart);
  for (let use = 0; use < uses; use++) {
    const decoded = decoder.decode(block, 0, block.length);
    // What differs is the first use, and those around the compilation.
    if (use === 0 || use > uses - 4) checkDecoded(decoded, readWhole);
  }
  checkDecoded(decoder.decode(block, 0, part), readPart);
}

function checkDecoded(decoded: Environ | null, read: Environ | null): void {
  if (isDeepStrictEqual(decoded, read) && Object.keys(decoded ?? {}).join('\0') === Object.keys(read ?? {}).join('\0'))
    return;
  throw new Violation('same-environ', `${JSON.stringify(decoded)}, not ${JSON.stringify(read)}`);
}

type Environ = Readonly<Record<string, unknown>>;

/** The same with other means: the last of equal keys counts, and `__proto__` is none that an edge sends. */
function plainEnviron(block: string): Record<string, unknown> | null {
  const strings = block.split('\0');
  // What follows the last NUL, which is nothing, is a string too.
  if (strings.length % 2 === 0 || strings.pop() !== '') return null;
  const pairs = strings.flatMap((key, at) => (at % 2 === 0 ? [[key, strings[at + 1]] as const] : []));
  return Object.fromEntries([...Object.entries(constants), ...pairs.filter(([key]) => key !== '__proto__')]);
}

function checkEdge(bytes: Buffer, cuts: number, control: EdgeControl): void {
  checkSame(driveEdge([bytes], control, 'next worker'), driveEdge(cutAt(bytes, cuts), control, 'stop'));
}
