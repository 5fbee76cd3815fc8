import { within } from '../../test/support/deadline.ts';
import { Client, type Exercise } from './client.ts';

const GRACE_MS = 10_000;
/** Between two looks at the clock. Node's own timers would send a millisecond's requests in one burst. */
const NAP_MS = 0.05;

export type OpenLoopResult = {
  readonly requestsPerSecond: number;
  /** Seconds from when a request was due, not from when a connection was free for it, to its response; ascending. */
  readonly latencies: Float64Array;
};

/**
 * Requests at a steady rate, whether or not the last are answered: what waits for one of the `connections` is late, and
 * that counts. (A client that waits for the server before it sends again measures what the server lets it.)
 */
export async function runOpenLoop(
  exercise: Exercise,
  connections: number,
  requestsPerSecond: number,
  seconds: number,
): Promise<OpenLoopResult> {
  const total = Math.floor(requestsPerSecond * seconds);
  const latencies = new Float64Array(total);
  const intervalMs = 1000 / requestsPerSecond;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const clients: Client[] = [];
  const free: (() => void)[] = [];
  let sent = 0;
  let answered = 0;
  let failure: Error | undefined;
  const start = performance.now();

  const finished = new Promise<void>((resolve, reject) => {
    const sendDue = (): void => {
      const due = Math.min(total, Math.floor((performance.now() - start) / intervalMs) + 1);
      while (sent < due) {
        const send = free.pop();
        if (send === undefined) break;
        send();
      }
    };
    for (let index = 0; index < connections; index++) {
      let request = 0;
      const send = (): void => {
        request = sent++;
        client.send();
      };
      const client = new Client(
        exercise,
        () => {
          latencies[request] = (performance.now() - start - request * intervalMs) / 1000;
          free.unshift(send);
          if (++answered === total) resolve();
        },
        (error) => {
          failure = error;
          reject(error);
        },
      );
      clients.push(client);
      free.push(send);
    }
    const turn = (): void => {
      if (answered === total || failure !== undefined) return;
      sendDue();
      Atomics.wait(clock, 0, 0, NAP_MS);
      setImmediate(turn);
    };
    turn();
  });
  const what = () => `${answered} of ${total} requests answered at ${requestsPerSecond} a second`;
  try {
    await within(seconds * 1000 + GRACE_MS, finished, what);
  } catch (error) {
    failure ??= error instanceof Error ? error : new Error(String(error));
    throw failure;
  } finally {
    for (const client of clients) client.close();
  }
  return { requestsPerSecond, latencies: latencies.sort() };
}
