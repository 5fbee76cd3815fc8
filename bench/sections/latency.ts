import { helloContent, requestBytes } from '../load/browser-request.ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import { runOpenLoop } from '../load/open-loop.ts';
import { verifyHello } from '../load/verify.ts';
import { microseconds, milliseconds, whole, withSpread } from '../report/quantity.ts';
import { inRounds } from '../rounds.ts';
import { atMost, type Section } from '../section.ts';
import { apps, startPortcullis } from '../servers/portcullis.ts';
import { type Server, stopAll } from '../servers/server.ts';
import { quantile, type Summary, summarize } from '../statistics.ts';

const CONNECTIONS = 64;
const LOAD_SHARE = 0.7;
const MOST_HOP_MICROSECONDS = 150;

type Latency = { readonly median: number; readonly p99: number };
type Loaded = Latency & { readonly maximum: number; readonly rate: number };

/** The worker hop is what isolation costs a single request. */
export const latency: Section = {
  title: 'Latency',
  async run({ options, program, progress }) {
    const servers: Server[] = [];
    try {
      const isolated = await startPortcullis({ program, mode: 'isolated', app: apps.hello });
      servers.push(isolated);
      const inline = await startPortcullis({ program, mode: 'inline', app: apps.hello });
      servers.push(inline);
      const { rounds, seconds } = options;
      for (const server of servers) await verifyHello(server);
      const unloaded = await inRounds(servers, rounds, async (server) => {
        const { latencies } = await runClosedLoop(exerciseOf(server), 1, seconds);
        const figure = latencyOf(latencies);
        progress(`${server.name}, one connection: median ${microseconds(figure.median)}`);
        return figure;
      });
      const loaded = await inRounds(servers, rounds, async (server): Promise<Loaded> => {
        const { requests, seconds: elapsed } = await runClosedLoop(exerciseOf(server), CONNECTIONS, seconds);
        const maximum = requests / elapsed;
        const rate = Math.floor(maximum * LOAD_SHARE);
        const { latencies } = await runOpenLoop(exerciseOf(server), CONNECTIONS, rate, seconds);
        const figure = { ...latencyOf(latencies), maximum, rate };
        progress(`${server.name}, ${whole(rate)} requests/s: p99 ${milliseconds(figure.p99)}`);
        return figure;
      });
      const hop = hopOf(unloaded.get(isolated) ?? [], unloaded.get(inline) ?? []);
      return {
        method: `Unloaded: one keep-alive connection that sends the next request after the last response. Loaded: ${CONNECTIONS} connections at a steady ${LOAD_SHARE * 100} % of the rate that the same generator reaches without a break, each response timed from when its request was due. Both with raw sockets in one Node process, ${rounds} alternating rounds of ${seconds} s after one warm-up. The generator rests for up to about 0.1 ms between two looks at its sockets while it keeps a steady rate, which is in the loaded figures of both.`,
        columns: ['server', 'unloaded median', 'unloaded p99', 'rate at 70 %', 'loaded median', 'loaded p99'],
        rows: servers.map((server) => {
          const quiet = unloaded.get(server) ?? [];
          const busy = loaded.get(server) ?? [];
          return [
            server.name,
            withSpread(summarize(quiet.map(({ median }) => median)), microseconds),
            withSpread(summarize(quiet.map(({ p99 }) => p99)), microseconds),
            withSpread(summarize(busy.map(({ rate }) => rate)), whole),
            withSpread(summarize(busy.map(({ median }) => median)), milliseconds),
            withSpread(summarize(busy.map(({ p99 }) => p99)), milliseconds),
          ];
        }),
        goals: [atMost('the worker hop', MOST_HOP_MICROSECONDS, 'us', hop.median * 1e6, 0)],
        notes: [`the worker hop, isolated minus inline in the same round: ${withSpread(hop, microseconds)}`],
        data: { unloaded: byName(unloaded), loaded: byName(loaded) },
      };
    } finally {
      await stopAll(servers);
    }
  },
};

function exerciseOf({ port }: Server) {
  return { port, request: requestBytes('keep-alive'), content: helloContent };
}

function latencyOf(ascending: Float64Array): Latency {
  return { median: quantile(ascending, 0.5), p99: quantile(ascending, 0.99) };
}

function hopOf(isolated: readonly Latency[], inline: readonly Latency[]): Summary {
  return summarize(isolated.map(({ median }, round) => median - (inline[round]?.median ?? Number.NaN)));
}

function byName(figures: ReadonlyMap<Server, unknown>): unknown {
  return Object.fromEntries([...figures].map(([{ name }, values]) => [name, values]));
}
