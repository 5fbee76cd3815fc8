import type { ParserLimits } from '../src/http1/request-parser.ts';
import { rules } from '../src/rejection/rules.ts';
import { type Control, cutAt, FEW_READS, LONGEST_PIECE, readControl } from './control.ts';
import { disagreement } from './oracle/agreement.ts';
import { H11Queue } from './oracle/h11-queue.ts';
import { nodeReading } from './oracle/node-reading.ts';
import { type OwnReading, readRequests, serialize } from './reading.ts';
import { Violation } from './violation.ts';

/** What h11 thinks is asked for many inputs at once: a process of its own for each would be most of the time. */
const h11 = new H11Queue();

/** Behind the last input: asks h11 about those that still wait. */
export function finish(): void {
  h11.ask();
}

/**
 * Any bytes, cut anywhere, make the same requests and refusals; nothing is told behind a refusal, and nothing throws. No
 * refusal hides one that would cost more. What stands behind a message reads as it would on a connection of its own, and
 * what is sent three times is read three times. Each limit holds to the byte; bytes that are taken in without a word are
 * bounded by the limits, and what is told by the bytes. What is accepted means the same to other readers, and when it is sent
 * once more in the plainest form.
 */
export function fuzz(data: Buffer): void {
  const input = readControl(data);
  if (input === undefined) return;
  const { control, bytes } = input;
  const whole = readRequests([bytes], control);
  const cut = readRequests(cutAt(bytes, control.cuts), control);
  checkCut(whole, cut);
  checkBounds(whole, cut, bytes, control.limits);
  if (whole.hiddenFault !== undefined) throw new Violation('hidden-fault', `${whole.hiddenFault}: ${summary(whole)}`);
  if (whole.messages.length === 0) return;
  checkRest(whole, bytes, control);
  checkSerialized(whole, control);
  checkNode(whole, bytes);
  // These cost more than all the others: every seed, and a quarter of the rest.
  if ((control.cuts & 3) !== 0) return;
  checkKept(whole, bytes, control);
  checkLimits(whole, control);
  h11.add(whole, bytes, data);
}

function checkCut(whole: OwnReading, cut: OwnReading): void {
  if (summary(whole) === summary(cut)) return;
  throw new Violation('split-invariant', `in pieces: ${summary(cut)}\nwhole: ${summary(whole)}`);
}

function summary({ messages, rejections, end }: OwnReading): string {
  return JSON.stringify([messages, rejections, end]);
}

function checkBounds(whole: OwnReading, cut: OwnReading, bytes: Uint8Array, limits: ParserLimits): void {
  // A head, or what frames a chunk and a trailer section, and the empty lines around; all of the last read.
  const longest = 2 * (limits.lineBytes + limits.totalFieldBytes) + 64 + LONGEST_PIECE;
  if (cut.longestSilence > longest) {
    throw new Violation('bounded-memory', `${cut.longestSilence} bytes taken without a word`);
  }
  if (whole.contentBytes > bytes.length || whole.told > bytes.length + 2) {
    throw new Violation('bounded-work', `${whole.told} events, ${whole.contentBytes} bytes of ${bytes.length}`);
  }
  // Framing: a field section's worth, 16 bytes for each chunk (of one byte at least) and twice the content; and trailers.
  const [end = 0] = whole.messageEnds;
  const content = whole.messages[0]?.content.length ?? 0;
  const most = limits.lineBytes + 3 * limits.totalFieldBytes + 21 * content + 100;
  if (end > most) throw new Violation('bounded-message', `${end} bytes, of which ${content} are content`);
}

/** Each limit holds to the byte: what an accepted request uses is enough for it, and one less is not. */
function checkLimits({ messages }: OwnReading, control: Control): void {
  const [message] = messages;
  if (message === undefined) return;
  const lines = message.fields.map(([name, value]) => name.length + 1 + value.length);
  const used = {
    lineBytes: message.method.length + message.target.length + ' HTTP/1.1'.length + 1,
    fieldBytes: Math.max(0, ...lines),
    totalFieldBytes: lines.reduce((sum, length) => sum + length + 2, 0),
    fieldCount: lines.length,
    contentBytes: message.content.length,
  };
  const plain = [serialize([message])];
  const isAccepted = (limits: Partial<typeof used>): boolean => {
    const contentBytes = { contentBytes: limits.contentBytes ?? control.policy.request.contentBytes };
    const policy = { ...control.policy, request: { ...control.policy.request, ...contentBytes } };
    const reading = readRequests(plain, {
      ...control,
      policy,
      limits: { ...control.limits, ...limits },
      peerEnds: false,
    });
    return reading.messages.length === 1 && reading.rejections.every((rule) => rules[rule].ends === 'request');
  };
  if (!isAccepted(used)) throw new Violation('limit-exact', `refused within ${JSON.stringify(used)}`);
  for (const [limit, value] of Object.entries(used)) {
    if (value > 0 && isAccepted({ [limit]: value - 1 }))
      throw new Violation('limit-exact', `${limit} of ${value - 1} passed`);
  }
}

/** The same once more and once more on a kept connection is three times the same: buffers are its own, state is new. */
function checkKept(reading: OwnReading, bytes: Uint8Array, control: Control): void {
  // Behind an empty line another one would be one too many.
  const isWhole = reading.end === 'between' && reading.messageEnds.at(-1) === bytes.length;
  if (!isWhole || reading.rejections.length > 0) return;
  const thrice = readRequests(cutAt(Buffer.concat([bytes, bytes, bytes]), control.cuts | FEW_READS), control);
  const expected = [...reading.messages, ...reading.messages, ...reading.messages];
  if (JSON.stringify(thrice.messages) === JSON.stringify(expected)) return;
  throw new Violation('kept-connection', `${summary(thrice)}\nonce: ${summary(reading)}`);
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
