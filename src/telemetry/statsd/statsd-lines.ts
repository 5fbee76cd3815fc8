/** How what is sent is named: as `gunicorn/instrument/statsd.py` has it. */
export type StatsdNames = {
  /** In front of every name; a dot is put behind it, as Gunicorn does. */
  readonly prefix: string;
  /** Separated by commas, in the form of DogStatsD; empty: none. */
  readonly tags: string;
};

/** What fits into one packet of Ethernet, headers taken off; the limit that StatsD's documentation advises. */
const maxDatagramBytes = 1432;

/** The lines of StatsD, in the notation of Gunicorn's client, so that what was made for one shows the other. */
export class StatsdLines {
  readonly #prefix: string;
  readonly #suffix: string;

  constructor({ prefix, tags }: StatsdNames) {
    // Of one character, or of dots alone, Gunicorn leaves it as it is.
    this.#prefix = prefix.replace(/^(.+[^.]+)\.*$/s, '$1.');
    this.#suffix = tags === '' ? '' : `|#${tags}`;
  }

  count(name: string, value: number): string {
    return this.#line(name, value, 'c|@1.0');
  }

  gauge(name: string, value: number): string {
    return this.#line(name, value, 'g');
  }

  /** One request of `1 / rate`: the server multiplies. */
  timing(name: string, milliseconds: number, rate: number): string {
    return this.#line(name, Math.round(milliseconds * 1_000) / 1_000, rate < 1 ? `ms|@${rate.toPrecision(4)}` : 'ms');
  }

  #line(name: string, value: number, type: string): string {
    return `${this.#prefix}${name}:${value}|${type}${this.#suffix}`;
  }
}

/** Lines together, as many as fit. One that is longer than a datagram goes alone. */
export function inDatagrams(lines: readonly string[]): readonly Buffer[] {
  const datagrams: Buffer[] = [];
  let text = '';
  for (const line of lines) {
    const longer = text === '' ? line : `${text}\n${line}`;
    if (text !== '' && Buffer.byteLength(longer) > maxDatagramBytes) {
      datagrams.push(Buffer.from(text));
      text = line;
    } else {
      text = longer;
    }
  }
  if (text !== '') datagrams.push(Buffer.from(text));
  return datagrams;
}
