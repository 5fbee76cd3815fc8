import type { Reading } from '../reading.ts';
import { Violation } from '../violation.ts';
import { disagreement } from './agreement.ts';
import { h11Readings } from './h11-reading.ts';

/** Few enough for a second on a busy machine: the engine takes a slow input for a finding. */
const BATCH = 500;

/**
 * Inputs that wait until there are enough of them to ask h11. The violation is then of an input that was seen before: it
 * holds that one in base64, from which the engine makes the regression case.
 */
export class H11Queue {
  private readonly waiting: { readonly ours: Reading; readonly bytes: Uint8Array; readonly data: Uint8Array }[] = [];

  /** `bytes` are what of the input `data` a client sends. */
  add(ours: Reading, bytes: Uint8Array, data: Uint8Array): void {
    this.waiting.push({ ours, bytes: new Uint8Array(bytes), data: new Uint8Array(data) });
    if (this.waiting.length >= BATCH) this.ask();
  }

  /** Throws a `Violation` for the first input that h11 reads in another way. */
  ask(): void {
    const asked = this.waiting.splice(0);
    if (asked.length === 0) return;
    const readings = h11Readings(asked.map(({ bytes }) => bytes));
    for (const [index, { ours, data }] of asked.entries()) {
      const theirs = readings[index];
      if (theirs === undefined) throw new Error('h11 gave no answer');
      const difference = disagreement(ours, 'h11', theirs);
      if (difference === undefined) continue;
      const input = Buffer.from(data).toString('base64');
      throw new Violation('agrees-with-h11', `${difference}\ninput: ${input}\ntheirs: ${JSON.stringify(theirs)}`);
    }
  }
}
