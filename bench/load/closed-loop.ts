import { within } from '../../test/support/deadline.ts';
import { helloContent, requestBytes } from './browser-request.ts';
import { Client, type Exercise } from './client.ts';
import type { LoadGenerator, LoadResult } from './load.ts';

const GRACE_MS = 10_000;

/** Seconds from each request to its response, ascending. */
export type ClosedLoopResult = LoadResult & { readonly latencies: Float64Array };

/** Our own load, in this process, where wrk is not installed. Its connections share one core with nothing else. */
export const nodeLoad: LoadGenerator = {
  name: `raw sockets of Node ${process.versions.node}`,
  run: ({ port, connections, seconds, persistence }) =>
    runClosedLoop({ port, request: requestBytes(persistence), content: helloContent }, connections, seconds),
};

/**
 * Each of `connections` clients sends its next request as soon as the last is answered. Fails with the first of them. The
 * clients may differ: `exercise` is then asked for each, by its number.
 */
export async function runClosedLoop(
  exercise: Exercise | ((index: number) => Exercise),
  connections: number,
  seconds: number,
): Promise<ClosedLoopResult> {
  const latencies: number[] = [];
  const clients: Client[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  let running = connections;
  const finished = new Promise<void>((resolve, reject) => {
    for (let index = 0; index < connections; index++) {
      let sentAt = performance.now();
      const client = new Client(
        typeof exercise === 'function' ? exercise(index) : exercise,
        () => {
          const now = performance.now();
          latencies.push((now - sentAt) / 1000);
          sentAt = now;
          if (now < end) client.send();
          else if (--running === 0) resolve();
        },
        reject,
      );
      clients.push(client);
      client.send();
    }
  });
  const what = () => `${running} of ${connections} connections are still waiting`;
  try {
    await within(seconds * 1000 + GRACE_MS, finished, what);
  } finally {
    for (const client of clients) client.close();
  }
  const elapsed = (performance.now() - start) / 1000;
  return { requests: latencies.length, seconds: elapsed, latencies: Float64Array.from(latencies).sort() };
}
