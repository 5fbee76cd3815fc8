import type { Contender } from './contender.ts';
import { Journal } from './journal.ts';
import { type Act, type AttributedFailure, CannotRun, type Life, type Prepared, type Scale } from './life.ts';
import { Load } from './load.ts';
import { NotAvailable, Subject } from './subject.ts';
import { Volume, type VolumeFigures } from './volume.ts';

export type LifeFigures = {
  readonly type: 'lived';
  /** Requests of the clients that compare. */
  readonly sent: number;
  readonly failures: readonly AttributedFailure[];
  /** Those of them that this had to cost. */
  readonly allowed: number;
  /** Requests with a method that is not idempotent and that were begun twice. */
  readonly ranTwice: number;
  readonly volume: VolumeFigures | undefined;
  readonly measures: NonNullable<Act['measures']>;
  /** What was promised and not kept. */
  readonly problems: readonly string[];
};

/** The server refuses a flag, or this machine has not what it takes. */
export type NotRun = { readonly type: 'not-run'; readonly why: string };

/** Starts a server, puts it under load, lets it happen, and asks the application what the failed requests were about. */
export async function runLife(
  life: Life,
  contender: Contender,
  scale: Scale,
  withVolume: boolean,
): Promise<LifeFigures | NotRun> {
  let prepared: Prepared | undefined;
  try {
    prepared = await life.prepare?.(scale);
    return await live(life, contender, scale, withVolume && life.hasVolume, prepared);
  } catch (error) {
    if (error instanceof NotAvailable) return { type: 'not-run', why: `not available: ${error.message}` };
    if (error instanceof CannotRun) return { type: 'not-run', why: error.message };
    // Minutes of other rows are not to be lost with it.
    return { type: 'not-run', why: firstLine(error) };
  } finally {
    prepared?.remove();
  }
}

async function live(
  life: Life,
  contender: Contender,
  scale: Scale,
  hasVolume: boolean,
  prepared: Prepared | undefined,
): Promise<LifeFigures> {
  const flags = [...(life.setup.flags ?? []), ...(prepared?.flags ?? [])];
  const subject = await Subject.start(contender, { ...life.setup, flags });
  try {
    const load = new Load(subject.port);
    let volume: Volume | undefined;
    let act: Act;
    try {
      await load.until(
        () => load.answersOf.size >= life.setup.workers,
        () => `${load.answersOf.size} of ${life.setup.workers} workers serve`,
      );
      volume = hasVolume ? new Volume(subject.port) : undefined;
      act = await life.act({ subject, load, times: life.times[scale], prepared }).catch((error: unknown) => ({
        problems: [firstLine(error)],
      }));
    } finally {
      await load.stop();
    }
    const volumeFigures = await volume?.stop();
    const journal = new Journal(subject.journal);
    const failures = load.failures.map((failure) => ({
      ...failure,
      begunBy: journal.begunBy(failure.id),
      hasEnded: journal.hasEnded(failure.id),
    }));
    return {
      type: 'lived',
      sent: load.sent,
      failures,
      allowed: failures.filter((failure) => act.mayFail?.(failure) === true).length,
      ranTwice: journal.repeated.filter(isPost).length,
      volume: volumeFigures,
      measures: act.measures ?? [],
      problems: act.problems ?? [],
    };
  } finally {
    await subject.stop();
  }
}

/** A server's whole log may follow. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

/** See question.ts. */
function isPost(id: string): boolean {
  return Number(id.split('-')[1]) % 2 === 1 && !id.startsWith('spin');
}
