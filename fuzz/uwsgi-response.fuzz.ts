import { UwsgiResponseHead } from '../src/upstream/uwsgi-response.ts';
import { cutAt } from './control.ts';
import { Violation } from './violation.ts';

/**
 * An input is what an upstream sends on one connection; one byte before it chooses how it is cut (`cutAt`). The bound of a
 * head is small, so that short inputs reach it.
 */
export const CONTROL_BYTES = 1;
export const MAX_HEAD_BYTES = 256;

/** What is said of a head that is refused, and no byte of it. */
const faults =
  /^a (?:head of more than 256 bytes|line that (?:does not end in CRLF|is no field)|CR or NUL in its head|status line that is none|folded line|second Content-Length|Content-Length that is not a number of bytes|status that is not three digits and a reason)$|^an empty head$/;

type Outcome = { readonly fault: string } | { readonly contentAt: number; readonly head: UwsgiResponseHead } | null;

/**
 * However it is cut, the same bytes are refused in the same words or read as the same head, which ends where the empty line
 * does. It is refused within its bound, and what is read is one status and pairs: as many NUL as there are strings.
 */
export function fuzz(data: Buffer): void {
  if (data.length < CONTROL_BYTES) return;
  const bytes = data.subarray(CONTROL_BYTES);
  const whole = read([bytes]);
  const cut = read(cutAt(bytes, data[0] ?? 0).map((piece) => Buffer.from(piece)));
  if (describe(whole) !== describe(cut)) throw new Violation('any-cut', `${describe(whole)}, cut ${describe(cut)}`);
  if (whole === null) {
    if (bytes.length > MAX_HEAD_BYTES) throw new Violation('bounded', `${bytes.length} bytes, and no end`);
  } else if ('fault' in whole) {
    if (!faults.test(whole.fault)) throw new Violation('fixed-words', JSON.stringify(whole.fault));
  } else {
    checkHead(bytes.toString('latin1', 0, whole.contentAt), whole.head);
  }
}

function read(pieces: readonly Buffer[]): Outcome {
  const head = new UwsgiResponseHead(MAX_HEAD_BYTES);
  let before = 0;
  for (const piece of pieces) {
    const outcome = head.receive(piece);
    if (typeof outcome === 'string') return { fault: outcome };
    if (outcome !== -1) return { contentAt: before + outcome, head };
    before += piece.length;
  }
  return null;
}

function describe(outcome: Outcome): string {
  if (outcome === null) return 'unfinished';
  if ('fault' in outcome) return outcome.fault;
  const { contentAt, head } = outcome;
  return JSON.stringify([contentAt, head.status, head.contentLength, head.encoded.toString('latin1')]);
}

/** Each line of the head, read once more with other means, is in what was read of it, and nothing else is. */
function checkHead(text: string, { status, contentLength, encoded }: UwsgiResponseHead): void {
  if (!/^(?:.+\r\n)+\r\n$/.test(text) && text !== '\r\n') throw new Violation('whole-head', JSON.stringify(text));
  const strings = encoded.toString('latin1').split('\0');
  if (strings.pop() !== '' || strings.length % 2 !== 1) throw new Violation('pairs', JSON.stringify(strings));
  const [first = '', ...rest] = strings;
  if (!/^\d{3} /.test(first) || Number(first.slice(0, 3)) !== status) throw new Violation('status', first);
  const lines = text.split('\r\n').filter((line, index) => line !== '' && !(index === 0 && line.startsWith('HTTP/')));
  const meant = lines.flatMap((line) => {
    const [name = '', ...value] = line.split(':');
    return [[name, value.join(':').replace(/^[ \t]+|[ \t]+$/g, '')] as const];
  });
  const kept = meant.filter(([name, value]) => !isOfThisHop(name.toLowerCase(), value.toLowerCase()));
  if (JSON.stringify(kept.flat()) !== JSON.stringify(rest)) {
    throw new Violation('same-fields', `${JSON.stringify(kept)} read as ${JSON.stringify(rest)}`);
  }
  const lengths = kept.filter(([name]) => name.toLowerCase() === 'content-length').map(([, value]) => Number(value));
  if (lengths.length > 1 || (lengths[0] ?? -1) !== contentLength) throw new Violation('length', `${contentLength}`);
}

function isOfThisHop(name: string, value: string): boolean {
  if (name === 'connection') return value === 'close' || value === 'keep-alive';
  return name === 'keep-alive' || name === 'status';
}
