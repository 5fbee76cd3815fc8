import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { within } from '../../test/support/deadline.ts';

const CONNECTIONS = 8;
/** Longer than any of this takes: it is told when to end. */
const MOST_SECONDS = 3600;
const STOP_MS = 30_000;

export type VolumeFigures = { readonly requests: number; readonly failed: Readonly<Record<string, number>> };

/** wrk beside the clients that compare: many more requests, of which only the status and the connection are looked at. */
export class Volume {
  readonly #wrk: ChildProcess;
  #output = '';

  constructor(port: number) {
    const args = [
      '-t1',
      `-c${CONNECTIONS}`,
      `-d${MOST_SECONDS}s`,
      '--timeout',
      '20s',
      `http://127.0.0.1:${port}/volume`,
    ];
    this.#wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#wrk.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
  }

  async stop(): Promise<VolumeFigures> {
    const closed = once(this.#wrk, 'close');
    this.#wrk.kill('SIGINT');
    try {
      await within(STOP_MS, closed, () => 'wrk does not end');
    } finally {
      this.#wrk.kill('SIGKILL');
    }
    return readVolume(this.#output);
  }
}

/** Throws on what is no report of wrk's. */
export function readVolume(report: string): VolumeFigures {
  const requests = Number(/^ *(\d+) requests in /m.exec(report)?.[1]);
  if (Number.isNaN(requests)) throw new Error(`wrk said: ${JSON.stringify(report.slice(0, 400))}`);
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? '0');
  const failed = {
    'refused connection': number(/Socket errors: connect (\d+)/),
    'closed before the response': number(/Socket errors: .* read (\d+)/),
    'cut request': number(/Socket errors: .* write (\d+)/),
    'no answer': number(/Socket errors: .* timeout (\d+)/),
    'another status': number(/Non-2xx or 3xx responses: (\d+)/),
  };
  return { requests, failed: Object.fromEntries(Object.entries(failed).filter(([, count]) => count > 0)) };
}
