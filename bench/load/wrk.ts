import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { within } from '../../test/support/deadline.ts';
import { fieldLines, requestUrl } from './browser-request.ts';
import type { LoadGenerator, LoadOptions, LoadResult } from './load.ts';

const failed = /^ *(?:Socket errors|Non-2xx or 3xx responses): .*$/m;
/** For connecting and for the last responses. */
const GRACE_MS = 10_000;

/** wrk (https://github.com/wg/wrk), where it is installed: one thread, which no server here comes near to filling. */
export function findWrk(): LoadGenerator | undefined {
  const { stdout, error } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  if (error !== undefined) return undefined;
  const version = /^wrk (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
  return { name: `wrk ${version}`, run: runWrk };
}

async function runWrk(options: LoadOptions): Promise<LoadResult> {
  return readWrkReport(await wrkReport(options));
}

/** What was answered, whatever else failed: for a server that is expected to fail. */
export async function answeredAnyway(options: LoadOptions): Promise<LoadResult> {
  const report = await wrkReport(options);
  const [, requests] = /^ *(\d+) requests in /m.exec(report) ?? [];
  if (requests === undefined) throw new Error(`wrk said: ${JSON.stringify(report.slice(0, 400))}`);
  return { requests: Number(requests), seconds: options.seconds };
}

async function wrkReport({ port, connections, seconds, persistence }: LoadOptions): Promise<string> {
  const fields = fieldLines(persistence).flatMap((line) => ['-H', line]);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, ...fields, requestUrl(port)];
  const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  wrk.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  try {
    await within(seconds * 1000 + GRACE_MS, once(wrk, 'close'), () => 'wrk does not end');
  } finally {
    wrk.kill('SIGKILL');
  }
  return output;
}

/** Throws where anything went wrong: wrk itself counts failures and goes on. */
export function readWrkReport(output: string): LoadResult {
  const failures = failed.exec(output)?.[0].trim();
  if (failures !== undefined) throw new Error(`wrk: ${failures}`);
  const requests = Number(/^ *(\d+) requests in /m.exec(output)?.[1]);
  const rate = Number(/^Requests\/sec: +([\d.]+)$/m.exec(output)?.[1]);
  if (!(requests > 0 && rate > 0)) throw new Error(`wrk said: ${JSON.stringify(output.slice(0, 400))}`);
  return { requests, seconds: requests / rate };
}
