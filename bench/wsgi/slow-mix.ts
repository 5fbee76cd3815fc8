import { answeredAnyway } from '../load/wrk.ts';
import type { BenchOptions } from '../options.ts';
import { twoDigits, whole, withSpread } from '../report/quantity.ts';
import { inRounds } from '../rounds.ts';
import type { WsgiContender } from '../servers/wsgi.ts';
import { ratios, type Summary, summarize } from '../statistics.ts';
import { SlowClients } from './slow-clients.ts';

/** Requests a second of the fast clients: where all are fast, and where half of them are slow. */
export type Mix = {
  readonly title: string;
  readonly fast: Summary;
  readonly mixed: Summary;
  readonly ratio: Summary;
};

/** Longer than the slow clients send: what follows is a download for each of them. */
const SLOW_SECONDS = 6;

export async function measureMix(contender: WsgiContender, connections: number, options: BenchOptions): Promise<Mix> {
  const server = await contender.start('wsgi_hello:application');
  const seconds = Math.max(options.seconds, SLOW_SECONDS);
  const rate = async (fast: number): Promise<number> => {
    const load = { port: server.port, connections: fast, seconds, persistence: 'keep-alive' } as const;
    const { requests } = await answeredAnyway(load);
    return requests / seconds;
  };
  try {
    const figures = await inRounds(['fast', 'mixed'] as const, options.rounds, async (kind) => {
      if (kind === 'fast') return rate(connections);
      const slow = new SlowClients(server.port, connections / 2);
      return rate(connections / 2).finally(() => slow.stop());
    });
    const [fast = [], mixed = []] = [figures.get('fast'), figures.get('mixed')];
    const ratio = summarize(ratios(mixed, fast));
    return { title: contender.title, fast: summarize(fast), mixed: summarize(mixed), ratio };
  } finally {
    await server.stop();
  }
}

export function columnsOfMix({ title, mixed, ratio }: Mix): readonly string[] {
  return [
    'hello, half of the clients slow',
    title,
    withSpread(mixed, whole),
    `${withSpread(ratio, twoDigits)} of all fast`,
    '',
  ];
}
