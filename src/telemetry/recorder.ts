import type { Log } from './error-log.ts';
import { maskRequest } from './masking.ts';
import { RecordFile } from './record-file.ts';

/** What `--record` and its kin ask for. Plain data: it travels to the edges as JSON. */
export type RecordingOptions = {
  readonly path: string;
  /** Of all segments together. */
  readonly maxBytes: number;
  /** Field names to mask besides the usual ones, in lower case. */
  readonly maskedNames: readonly string[];
  /** Bytes of content that are kept with a refusal; 0: none. */
  readonly contentBytes: number;
};

/** One refused request. The bytes are read before `record` returns. */
export type RefusedRequest = {
  readonly client: string;
  readonly rule: string;
  readonly status: number | null;
  readonly detail: string;
  readonly policy: string;
  readonly route: string | null;
  /** The rule was only observed: the request passed. */
  readonly observed: boolean;
  /** From the first byte of the request on; what stands behind its head is left out. */
  readonly head: Uint8Array;
  /** As received behind the head, transfer coding included; empty where none is kept. */
  readonly content: Uint8Array;
};

export type RecordClock = { now(): number };

/**
 * A flood of refusals must cost neither CPU nor disk: in one second so many requests are recorded, and so many of their bytes.
 * The first ones tell what is going on.
 */
const MAX_RECORDS = 100;
const MAX_SECOND_BYTES = 1024 * 1024;
const WINDOW_MS = 1000;
/** A head at all limits of the default policy fits; as JSON, where a byte takes six at most, it fits into half of the least file. */
export const MAX_REQUEST_BYTES = 80 * 1024;
/** What may wait for a disk that is slow. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** One write; a segment holds as much at least. */
const MAX_BATCH_BYTES = 500 * 1024;
export const LEAST_FILE_BYTES = 1024 * 1024;

/** Where an edge leaves the requests that it refuses. Never waits and never throws: what cannot be kept is counted. */
export class Recorder {
  readonly contentBytes: number;
  readonly #file: RecordFile;
  readonly #maskedNames: ReadonlySet<string>;
  readonly #log: Log;
  readonly #clock: RecordClock;
  #windowEndsAt = 0;
  #records = 0;
  #bytes = 0;
  #leftOut = 0;
  #hasSaidSo = false;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #lost = 0;

  constructor(options: RecordingOptions, log: Log, clock: RecordClock = Date) {
    this.contentBytes = options.contentBytes;
    this.#file = new RecordFile(options.path, options.maxBytes);
    this.#maskedNames = new Set(options.maskedNames);
    this.#log = log;
    this.#clock = clock;
  }

  record(refused: RefusedRequest): void {
    const now = this.#clock.now();
    const size = Math.min(refused.head.length + refused.content.length, MAX_REQUEST_BYTES);
    if (!this.#mayRecord(now, size)) return this.#leaveOut();
    const line = Buffer.from(lineOf(refused, now, this.#maskedNames));
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#write();
  }

  /** Resolves when all that was recorded so far is written or lost. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #mayRecord(now: number, size: number): boolean {
    if (now >= this.#windowEndsAt || now < this.#windowEndsAt - WINDOW_MS) {
      this.#windowEndsAt = now + WINDOW_MS;
      this.#records = 0;
      this.#bytes = 0;
      this.#hasSaidSo = false;
    }
    const hasRoom = this.#records < MAX_RECORDS && this.#bytes + size <= MAX_SECOND_BYTES;
    if (!hasRoom || this.#waitingBytes >= MAX_WAITING_BYTES) return false;
    this.#records += 1;
    this.#bytes += size;
    return true;
  }

  #leaveOut(): void {
    this.#leftOut += 1;
    if (this.#hasSaidSo) return;
    this.#hasSaidSo = true;
    this.#log.limited('recording', `More requests are refused than are recorded; left out so far: ${this.#leftOut}`);
  }

  /** What comes while a batch is written is the next batch. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#file.append(Buffer.concat(batch));
        if (this.#lost > 0) this.#log.warning(`Recording goes on; ${this.#lost} refused requests were lost`);
        this.#lost = 0;
      } catch (error) {
        if (this.#lost === 0) this.#log.error(`Refused requests cannot be recorded and are lost: ${messageOf(error)}`);
        this.#lost += batch.length;
      }
    }
    await this.#file.close();
    this.#writing = undefined;
  }

  #nextBatch(): Buffer[] {
    let bytes = 0;
    const count = this.#waiting.findIndex((line) => {
      bytes += line.length;
      return bytes > MAX_BATCH_BYTES;
    });
    const batch = this.#waiting.splice(0, count < 0 ? this.#waiting.length : Math.max(count, 1));
    for (const { length } of batch) this.#waitingBytes -= length;
    return batch;
  }
}

function lineOf(refused: RefusedRequest, now: number, maskedNames: ReadonlySet<string>): string {
  const { client, rule, status, detail, policy, route, observed } = refused;
  const head = refused.head.subarray(0, MAX_REQUEST_BYTES);
  const { text, isWhole, announcesContent } = maskRequest(head, maskedNames);
  const content = isWhole
    ? refused.content.subarray(0, MAX_REQUEST_BYTES - text.length)
    : refused.content.subarray(0, 0);
  const record = {
    recorded: new Date(now).toISOString(),
    ...{ client, rule, status, detail, policy, route },
    request: text + Buffer.from(content).toString('latin1'),
    cut: !isWhole || announcesContent,
    ...(observed ? { observed } : {}),
  };
  // What JSON leaves as it is and a terminal takes for a command: such a file is looked at with `tail`.
  const escaped = JSON.stringify(record).replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${escaped}\n`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
