import { type ClientAct, clientActs } from './clients.ts';

/** What became of one kind of client. */
export type ActFigures = {
  readonly name: string;
  readonly done: number;
  /** Why clients did not get what they should have got, the first few. */
  readonly failures: readonly string[];
};

const MOST_FAILURES = 5;

/** All kinds of clients at the same time for so many seconds; resolves when the last one of them is done. */
export async function sendTraffic(port: number, seconds: number): Promise<readonly ActFigures[]> {
  const end = performance.now() + seconds * 1000;
  return Promise.all(clientActs.map((act) => repeat(act, port, end)));
}

async function repeat({ name, lanes, restMs, act }: ClientAct, port: number, end: number): Promise<ActFigures> {
  const failures: string[] = [];
  let done = 0;
  let number = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < end && failures.length < MOST_FAILURES) {
      try {
        await act(port, number++);
        done += 1;
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { name, done, failures };
}
