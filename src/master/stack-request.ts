import type { Duplex } from 'node:stream';
import { stackAnswerEnd, stackQuestion } from '../process/watchdog.ts';

/** A child that is not in its right mind may say anything. */
const maxAnswerLength = 64 * 1024;

/**
 * Asks a child's watchdog where its main thread is. Null where no answer comes in time: the thread is in a native call, or the
 * whole process is stopped.
 */
export function requestStack(lifeline: Duplex, milliseconds: number): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    const answer = (stack: string | null): void => {
      clearTimeout(timer);
      lifeline.off('data', receive).off('close', closed).pause();
      resolve(stack);
    };
    const receive = (bytes: Buffer): void => {
      text += bytes.toString('utf8');
      const end = text.indexOf(stackAnswerEnd);
      if (end !== -1) answer(text.slice(0, end));
      else if (text.length > maxAnswerLength) answer(null);
    };
    const closed = (): void => answer(null);
    const timer = setTimeout(closed, milliseconds);
    lifeline.on('data', receive).on('close', closed);
    lifeline.write(stackQuestion);
  });
}
