import { type ProcessSample, sampleProcesses } from '../process-sample.ts';

const SAMPLE_MS = 250;

export type GrowthFigures = {
  /** The largest growth of the resident memory of one process above what it held after the warm-up, in bytes. */
  readonly memoryBytes: number;
  /** Which process that was. */
  readonly memoryOf: string;
  /** Most descriptors of one process above those after the warm-up: connections that the server really took. */
  readonly descriptors: number;
  /** Processes that were there after the warm-up and are no more. */
  readonly ended: number;
};

/** Watches what each process of a server holds, from now on. */
export class Growth {
  readonly #roots: readonly number[];
  readonly #before: ReadonlyMap<number, ProcessSample>;
  readonly #timer: NodeJS.Timeout;
  #memoryBytes = 0;
  #memoryOf = '';
  #descriptors = 0;
  #ended = 0;

  constructor(roots: readonly number[]) {
    this.#roots = roots;
    this.#before = new Map(sampleProcesses(roots).map((sample) => [sample.pid, sample]));
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Takes a last look; the server has to run still. */
  stop(): void {
    clearInterval(this.#timer);
    this.#sample();
  }

  get figures(): GrowthFigures {
    return {
      memoryBytes: this.#memoryBytes,
      memoryOf: this.#memoryOf,
      descriptors: this.#descriptors,
      ended: this.#ended,
    };
  }

  /** A process that started meanwhile is compared with nothing: it holds what a new one holds. */
  #sample(): void {
    const samples = sampleProcesses(this.#roots);
    const pids = new Set(samples.map(({ pid }) => pid));
    this.#ended = [...this.#before.keys()].filter((pid) => !pids.has(pid)).length;
    for (const { pid, name, residentBytes, descriptors } of samples) {
      const before = this.#before.get(pid);
      if (before === undefined) continue;
      if (residentBytes - before.residentBytes > this.#memoryBytes) {
        this.#memoryBytes = residentBytes - before.residentBytes;
        this.#memoryOf = name;
      }
      this.#descriptors = Math.max(this.#descriptors, descriptors - before.descriptors);
    }
  }
}
