import { twoDigits, withSpread } from '../report/quantity.ts';
import { atLeast, type Section } from '../section.ts';
import { findNginx, startNginx } from '../servers/nginx.ts';
import { startNodeHttp } from '../servers/node-http.ts';
import { apps, type Mode, startPortcullis } from '../servers/portcullis.ts';
import { type Server, stopAll } from '../servers/server.ts';
import { Comparison, throughputColumns } from '../throughput.ts';

const CONNECTIONS = 64;

export const throughput: Section = {
  title: 'Throughput: keep-alive connections',
  async run({ options, load, program, progress }) {
    const servers: Server[] = [];
    const add = async (starting: Promise<Server>): Promise<Server> => {
      const server = await starting;
      servers.push(server);
      return server;
    };
    try {
      const isolated = await add(startPortcullis({ program, mode: 'isolated', app: apps.hello }));
      const inline = await add(startPortcullis({ program, mode: 'inline', app: apps.hello }));
      const base = await add(startNodeHttp({ app: 'hello' }));
      const earlier = async (mode: Mode, now: Server): Promise<readonly [now: Server, before: Server][]> => {
        if (options.before === undefined) return [];
        const build = { program: options.before, name: 'before', app: apps.hello };
        return [[now, await add(startPortcullis({ ...build, mode }))]];
      };
      const pairs = [...(await earlier('isolated', isolated)), ...(await earlier('inline', inline))];
      const nginx = options.peers ? findNginx() : undefined;
      const proxied =
        nginx === undefined ? [] : [await add(startNginx(nginx, 1)), await add(startNginx(nginx, 'auto'))];

      const { rounds, seconds } = options;
      const exercise = { connections: CONNECTIONS, seconds, persistence: 'keep-alive' } as const;
      const comparison = await Comparison.measure(servers, load, exercise, rounds, progress);
      return {
        method: `${CONNECTIONS} keep-alive connections, GET with 7 field lines, ${rounds} alternating rounds of ${seconds} s after one warm-up, policies/default.json; median (lowest to highest). Ratios are of runs in the same round. CPU is user and system time of all processes of a server.`,
        columns: throughputColumns,
        rows: comparison.rows(base),
        goals: [
          atLeast('isolated to node:http', 1.0, comparison.ratio(isolated, base).median),
          atLeast('inline to node:http', 1.2, comparison.ratio(inline, base).median),
          ...pairs.map(([now, before]) =>
            atLeast(`${now.name} to ${before.name}`, 0.95, comparison.ratio(now, before).median),
          ),
          ...proxied.map((proxy) => atLeast(`isolated to ${proxy.name}`, 2, comparison.ratio(isolated, proxy).median)),
        ],
        notes: [
          ...pairs.map(
            ([now, before]) => `${now.name} to ${before.name}: ${withSpread(comparison.ratio(now, before), twoDigits)}`,
          ),
          ...(nginx === undefined ? [] : [`nginx is ${nginx.version}`]),
          ...(options.peers && nginx === undefined ? ['nginx is not installed: left out'] : []),
        ],
        data: comparison.data,
      };
    } finally {
      await stopAll(servers);
    }
  },
};
