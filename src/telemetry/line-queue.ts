import type { Log } from './error-log.ts';

/** Takes whole lines with their line ends. Never waits and never throws. */
export interface LineSink {
  write(lines: string): void;
}

/** Lines that did not arrive, and why: a word such as ENOSPC. */
export type Loss = { readonly lines: number; readonly reason: string };

/** Where lines end up: a file, a stream, a receiver of syslog. */
export interface LineTarget {
  /** Whole lines. Resolves to what of them was lost, and never rejects. Not called again before that. */
  append(lines: Buffer): Promise<Loss | null>;
  /** The name may belong to another file by now. Resolves to what is in the way; the old file stays then. Never rejects. */
  reopen(): Promise<string | null>;
  close(): void;
}

export type LineQueueOptions = {
  /** As messages name it: `access log`. */
  readonly name: string;
  /** Hears of losses; null: this is where it would go to. */
  readonly log: Log | null;
  /** Stands in the log where lines are missing. */
  readonly lossLine: (loss: Loss) => string;
  /** Counts them. */
  readonly onLost?: (lines: number) => void;
  /** `latin1` where lines have one character a byte. */
  readonly encoding: 'latin1' | 'utf8';
};

/**
 * What may wait for a disk that is slow, or a reader that has stopped; what comes then is lost and counted. A busy edge writes tens
 * of megabytes a second as JSON, and a disk that others use may stand still for some tenths of one.
 */
const MAX_WAITING = 8 * 1024 * 1024;

/**
 * What comes sooner after a batch goes with the next one, unless it is much: each write costs as much as some lines. Alone, a
 * line is written at the end of its turn.
 */
const PAUSE_MS = 20;
const LARGE_BATCH = 16 * 1024;

/**
 * Lines on their way to a target, which may be slow, full or gone: that costs lines, never a request. Those of one turn of the
 * event loop, or of the time until the last ones are written, go out with one write. When lines arrive again after others were lost, the log
 * says how many.
 */
export class LineQueue implements LineSink {
  readonly #target: LineTarget;
  readonly #options: LineQueueOptions;
  #waiting = '';
  #writingLength = 0;
  #isScheduled = false;
  #pause: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #reopens = false;
  #lost = 0;
  #reason = '';

  constructor(target: LineTarget, options: LineQueueOptions) {
    this.#target = target;
    this.#options = options;
  }

  write(lines: string): void {
    if (this.#waiting.length + this.#writingLength + lines.length > MAX_WAITING) {
      return this.#lose({ lines: countLines(lines), reason: 'more lines came than could be written' });
    }
    this.#waiting += lines;
    if (this.#pause === null || this.#waiting.length >= LARGE_BATCH) this.#schedule();
  }

  /** For whoever has renamed the file (USR1). What was written before may be in either. */
  reopen(): void {
    this.#reopens = true;
    this.#schedule();
  }

  /** Resolves when all that was written so far has arrived or is lost. */
  async settled(): Promise<void> {
    if (this.#waiting !== '') this.#schedule();
    while (this.#isScheduled || this.#running !== null) {
      await (this.#running ?? new Promise((resolve) => setImmediate(resolve)));
    }
  }

  /** After `settled`. */
  close(): void {
    this.#target.close();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#running !== null) return;
    this.#isScheduled = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting !== '' || this.#reopens) {
      if (this.#reopens) await this.#reopen();
      if (this.#waiting !== '') await this.#append();
    }
    this.#running = null;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#waiting !== '') this.#schedule();
    }, PAUSE_MS);
  }

  async #reopen(): Promise<void> {
    this.#reopens = false;
    const { name, log } = this.#options;
    const problem = await this.#target.reopen();
    if (problem !== null) log?.error(`The ${name} cannot be opened anew, the old file stays: ${problem}`);
  }

  async #append(): Promise<void> {
    const { encoding, lossLine } = this.#options;
    const told = this.#lost;
    const gap = told === 0 ? '' : lossLine({ lines: told, reason: this.#reason });
    const bytes = Buffer.from(gap + this.#waiting, encoding);
    this.#writingLength = bytes.length;
    this.#waiting = '';
    const loss = await this.#target.append(bytes);
    this.#writingLength = 0;
    if (loss === null) return this.#arrived(told);
    const isGapTold = gap !== '' && loss.lines < countLines(bytes);
    if (isGapTold) this.#lost -= told;
    this.#lose({ lines: loss.lines - (gap === '' || isGapTold ? 0 : 1), reason: loss.reason });
  }

  /** `told` lines are in the log as missing; more may be by now. */
  #arrived(told: number): void {
    if (told === 0) return;
    this.#lost -= told;
    const { name, log } = this.#options;
    log?.limited(`${name} goes on`, `The ${name} goes on; ${told} lines were lost: ${this.#reason}`);
  }

  /** Told when it begins; how many there were is told when lines arrive again. */
  #lose({ lines, reason }: Loss): void {
    const isFirst = this.#lost === 0;
    this.#lost += lines;
    this.#options.onLost?.(lines);
    this.#reason = reason;
    const { name, log } = this.#options;
    if (isFirst) log?.limited(`${name} lost`, `Lines of the ${name} are lost: ${reason}`, 'error');
  }
}

const LF = 0x0a;

/** Of text or of bytes. */
export function countLines(lines: string | Uint8Array): number {
  let count = 0;
  for (let at = 0; at < lines.length; at++) {
    if ((typeof lines === 'string' ? lines.charCodeAt(at) : lines[at]) === LF) count += 1;
  }
  return count;
}
