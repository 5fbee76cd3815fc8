import { findWrk } from '../load/wrk.ts';
import { twoDigits, whole, withSpread } from '../report/quantity.ts';
import { atLeast, type Goal, type Section, type SectionResult, type Setup } from '../section.ts';
import { type Server, stopAll } from '../servers/server.ts';
import { gunicorn, nginxAndUwsgi, portcullis, uwsgi, type WsgiApp, type WsgiContender } from '../servers/wsgi.ts';
import { Comparison } from '../throughput.ts';
import { columnsOfMix, type Mix, measureMix } from '../wsgi/slow-mix.ts';

const CONNECTIONS = 64;
const apps = [
  { app: 'wsgi_hello:application', title: 'hello' },
  { app: 'flask_hello:application', title: 'Flask' },
] as const satisfies readonly { app: WsgiApp; title: string }[];

export const wsgi: Section = {
  title: 'WSGI applications',
  async run(setup) {
    const ours = portcullis(setup.program, 'sync');
    const gunicorns = [gunicorn('sync'), gunicorn('gthread'), gunicorn('gevent')];
    const proxied = nginxAndUwsgi();
    const http11 = uwsgi('http11-socket');
    const all = [ours, portcullis(setup.program, 'gthread'), ...gunicorns, proxied, http11];
    const contenders = all.filter(({ missing }) => missing === undefined);
    const notRun = all.flatMap(({ title, missing }) => (missing === undefined ? [] : [`${title}: install ${missing}`]));
    const parts: Part[] = [];
    for (const { app, title } of apps) parts.push(await compare(setup, contenders, app, title));
    const hello = parts[0]?.ratioTo ?? (() => undefined);
    const best = Math.min(...gunicorns.flatMap(({ title }) => hello(ours, title) ?? []));
    const goals: Goal[] = [
      ...(Number.isFinite(best) ? [atLeast('hello, sync to the best class of Gunicorn', 4, best)] : []),
      ...goalTo(hello(ours, proxied.title), 'hello, sync to nginx + uWSGI', 3.5),
      ...goalTo(hello(ours, http11.title), 'hello, sync to uWSGI http11-socket', 1),
    ];
    const mixes = await mixesOf(setup, [ours, gunicorns[0]], notRun);
    const [own] = mixes;
    if (own !== undefined) goals.push(atLeast('half of the clients slow, sync to all fast', 0.9, own.ratio.median));
    return {
      method: `Two processes that run the application for everybody (4 threads each for gthread; nginx with a worker for each core in front of uWSGI, Portcullis with one edge), the same interpreter, ${CONNECTIONS} keep-alive connections, GET with 7 field lines, ${setup.options.rounds} alternating rounds of ${setup.options.seconds} s after one warm-up; median (lowest to highest). Ratios are of runs in the same round, ours (sync) divided by the other. Slow: ${CONNECTIONS / 2} of the connections send and read 10 KB a second, uploads of 30 KB and answers of 2 MiB; the figures are those of the others.`,
      columns: ['application', 'server', 'requests/s', 'ours to it', 'CPU s per 1000 requests'],
      rows: [...parts.flatMap(({ rows }) => rows), ...mixes.map(columnsOfMix)],
      goals,
      notes: mixes.map(
        ({ title, ratio }) => `${title}, half of the clients slow, to all fast: ${withSpread(ratio, twoDigits)}`,
      ),
      data: { parts: parts.map(({ data }) => data), mixes },
      notRun,
    } satisfies SectionResult;
  },
};

type Part = {
  readonly rows: readonly (readonly string[])[];
  ratioTo(ours: WsgiContender, title: string): number | undefined;
  readonly data: unknown;
};

async function compare(
  { options, load, progress }: Setup,
  contenders: readonly WsgiContender[],
  app: WsgiApp,
  title: string,
): Promise<Part> {
  const servers: Server[] = [];
  try {
    for (const contender of contenders) servers.push(await contender.start(app));
    const { rounds, seconds } = options;
    const exercise = { connections: CONNECTIONS, seconds, persistence: 'keep-alive' } as const;
    const comparison = await Comparison.measure(servers, load, exercise, rounds, (text) =>
      progress(`${title}: ${text}`),
    );
    const [base] = servers;
    if (base === undefined) throw new Error('nobody to measure');
    const titled = new Map(contenders.map((contender, index) => [contender.title, servers[index]]));
    return {
      rows: comparison.rows(base).map(([name = '', rate = '', , cpu = ''], index) => {
        const server = servers[index] ?? base;
        return [title, name, rate, withSpread(comparison.ratio(base, server), twoDigits), cpu];
      }),
      ratioTo: (ours, other) => {
        const [own, theirs] = [titled.get(ours.title), titled.get(other)];
        return own === undefined || theirs === undefined ? undefined : comparison.ratio(own, theirs).median;
      },
      data: comparison.data,
    };
  } finally {
    await stopAll(servers);
  }
}

async function mixesOf(
  { options, progress }: Setup,
  contenders: readonly (WsgiContender | undefined)[],
  notRun: string[],
): Promise<readonly Mix[]> {
  if (findWrk() === undefined) {
    notRun.push('slow clients: install wrk');
    return [];
  }
  const mixes: Mix[] = [];
  for (const contender of contenders) {
    if (contender === undefined || contender.missing !== undefined) continue;
    const mix = await measureMix(contender, CONNECTIONS, options);
    progress(`${mix.title}: ${whole(mix.fast.median)} requests/s, with slow clients ${whole(mix.mixed.median)}`);
    mixes.push(mix);
  }
  return mixes;
}

function goalTo(ratio: number | undefined, text: string, least: number): readonly Goal[] {
  return ratio === undefined ? [] : [atLeast(text, least, ratio)];
}
