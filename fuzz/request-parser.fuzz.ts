import { type Control, cutAt, readControl } from './control.ts';
import { disagreement } from './oracle/agreement.ts';
import { H11Queue } from './oracle/h11-queue.ts';
import { nodeReading } from './oracle/node-reading.ts';
import { type OwnReading, readRequests, serialize } from './reading.ts';
import { Violation } from './violation.ts';

/** What h11 thinks is asked for many inputs at once: a process of its own for each would be most of the time. */
export const h11 = new H11Queue();

/**
 * Any bytes, cut anywhere, make the same requests and refusals; nothing is told behind a refusal, and nothing throws. What
 * stands behind a message reads as it would on a connection of its own. No refusal hides one that would cost more. Bytes
 * that are taken in without a word are bounded by the limits, and so is what is told by the bytes. What is accepted means
 * the same to other readers, and when it is sent once more in the plainest form.
 */
export function fuzz(data: Buffer): void {
  const input = readControl(data);
  if (input === undefined) return;
  const { control, bytes } = input;
  const whole = readRequests([bytes], control);
  checkCut(whole, readRequests(cutAt(bytes, control.cuts), control));
  checkBounds(whole, bytes, control.limits);
  if (whole.hiddenFault !== undefined) throw new Violation('hidden-fault', `${whole.hiddenFault}: ${summary(whole)}`);
  if (whole.messages.length === 0) return;
  checkRest(whole, bytes, control);
  checkSerialized(whole, control);
  checkNode(whole, bytes);
  h11.add(whole, bytes);
}

function checkCut(whole: OwnReading, cut: OwnReading): void {
  if (summary(whole) === summary(cut)) return;
  throw new Violation('split-invariant', `in pieces: ${summary(cut)}\nwhole: ${summary(whole)}`);
}

function summary({ messages, rejections, end }: OwnReading): string {
  return JSON.stringify([messages, rejections, end]);
}

function checkBounds(
  reading: OwnReading,
  bytes: Uint8Array,
  limits: { lineBytes: number; totalFieldBytes: number },
): void {
  // A head, or what frames a chunk and a trailer section, and the empty lines around.
  const longest = 2 * (limits.lineBytes + limits.totalFieldBytes) + 64;
  if (bytes.length > longest && reading.longestSilence > longest + bytes.length) {
    throw new Violation('bounded-memory', `${reading.longestSilence} bytes taken without a word`);
  }
  if (reading.contentBytes > bytes.length || reading.told > bytes.length + 2) {
    throw new Violation('bounded-work', `${reading.told} events, ${reading.contentBytes} bytes of ${bytes.length}`);
  }
}

/** One client's requests are independent: what a connection keeps of one must not show in the next. */
function checkRest(reading: OwnReading, bytes: Uint8Array, control: Control): void {
  const [firstEnd] = reading.messageEnds;
  if (firstEnd === undefined || reading.end === 'closed') return;
  const rest = readRequests([bytes.subarray(firstEnd)], control);
  const refusedFirst = reading.rejections.length - rest.rejections.length;
  const expected = JSON.stringify([reading.messages.slice(1), reading.rejections.slice(refusedFirst), reading.end]);
  if (summary(rest) !== expected)
    throw new Violation('independent', `alone: ${summary(rest)}\nbehind another: ${expected}`);
}

function checkSerialized(reading: OwnReading, control: Control): void {
  const again = readRequests([serialize(reading.messages)], { ...control, peerEnds: false });
  if (JSON.stringify(again.messages) === JSON.stringify(reading.messages)) return;
  throw new Violation('serialized', `${summary(again)}\nat first: ${summary(reading)}`);
}

function checkNode(reading: OwnReading, bytes: Uint8Array): void {
  const theirs = nodeReading(bytes);
  const difference = disagreement(reading, 'node', theirs);
  if (difference === undefined) return;
  throw new Violation(
    'agrees-with-node',
    `${difference}\nours: ${summary(reading)}\ntheirs: ${JSON.stringify(theirs)}`,
  );
}
