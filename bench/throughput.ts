import type { LoadGenerator, LoadOptions } from './load/load.ts';
import { verifyHello } from './load/verify.ts';
import { treeCpuSeconds } from './process-usage.ts';
import { twoDigits, whole, withSpread } from './report/quantity.ts';
import { inRounds } from './rounds.ts';
import type { Server } from './servers/server.ts';
import { ratios, type Summary, summarize } from './statistics.ts';

export type Throughput = {
  readonly requestsPerSecond: number;
  /** Of all processes of the server, user and system time, in seconds. */
  readonly cpuPerThousand: number;
};

/** The figures of several servers under the same load, round by round. */
export class Comparison {
  readonly #figures: ReadonlyMap<Server, readonly Throughput[]>;

  private constructor(figures: ReadonlyMap<Server, readonly Throughput[]>) {
    this.#figures = figures;
  }

  static async measure(
    servers: readonly Server[],
    load: LoadGenerator,
    options: Omit<LoadOptions, 'port'>,
    rounds: number,
    progress: (text: string) => void,
  ): Promise<Comparison> {
    const figures = await inRounds(servers, rounds, async (server) => {
      const figure = await measureThroughput(server, load, options);
      progress(`${server.name}: ${whole(figure.requestsPerSecond)} requests/s`);
      return figure;
    });
    return new Comparison(figures);
  }

  /** Of `server` to `base`, each round by itself. */
  ratio(server: Server, base: Server): Summary {
    return summarize(ratios(this.#rates(server), this.#rates(base)));
  }

  /** One row a server: name, requests a second, ratio to `base`, CPU seconds for 1000 requests. */
  rows(base: Server): readonly (readonly string[])[] {
    return [...this.#figures].map(([server, figures]) => [
      server.name,
      withSpread(summarize(this.#rates(server)), whole),
      withSpread(this.ratio(server, base), twoDigits),
      withSpread(summarize(figures.map(({ cpuPerThousand }) => cpuPerThousand)), (seconds) => seconds.toFixed(4)),
    ]);
  }

  get data(): unknown {
    return Object.fromEntries([...this.#figures].map(([server, figures]) => [server.name, figures]));
  }

  #rates(server: Server): readonly number[] {
    return (this.#figures.get(server) ?? []).map(({ requestsPerSecond }) => requestsPerSecond);
  }
}

export const throughputColumns = ['server', 'requests/s', 'x node:http', 'CPU s per 1000 requests'];

/** Contents are compared before and after; the load generator compares what it can of each response. */
async function measureThroughput(
  server: Server,
  load: LoadGenerator,
  options: Omit<LoadOptions, 'port'>,
): Promise<Throughput> {
  await verifyHello(server);
  const cpuBefore = treeCpuSeconds(server.roots);
  const { requests, seconds } = await load.run({ ...options, port: server.port }).catch((cause: unknown) => {
    throw new Error(`${server.name} under load`, { cause });
  });
  const cpu = treeCpuSeconds(server.roots) - cpuBefore;
  await verifyHello(server);
  return { requestsPerSecond: requests / seconds, cpuPerThousand: (cpu / requests) * 1000 };
}
