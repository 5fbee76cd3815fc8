import { readFileSync } from 'node:fs';

/** What the application wrote down, whoever lived to tell it: the word of those who ran the requests, not of the server. */
export class Journal {
  readonly #begunBy = new Map<string, number[]>();
  readonly #ended = new Set<string>();

  constructor(file: string) {
    for (const line of readFileSync(file, 'latin1').split('\n')) {
      const [what, id, pid] = line.split(' ');
      if (id === undefined) continue;
      if (what === 'ended') this.#ended.add(id);
      else this.#begunBy.set(id, [...(this.#begunBy.get(id) ?? []), Number(pid)]);
    }
  }

  /** Processes in which the application was called for it, in their order; one that is there twice ran it twice. */
  begunBy(id: string): readonly number[] {
    return this.#begunBy.get(id) ?? [];
  }

  /** The application has given its whole answer. */
  hasEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  /** Requests that were begun more than once. */
  get repeated(): readonly string[] {
    return [...this.#begunBy].filter(([, pids]) => pids.length > 1).map(([id]) => id);
  }
}
