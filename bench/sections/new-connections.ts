import { atLeast, type Section } from '../section.ts';
import { startNodeHttp } from '../servers/node-http.ts';
import { apps, startPortcullis } from '../servers/portcullis.ts';
import { type Server, stopAll } from '../servers/server.ts';
import { Comparison, throughputColumns } from '../throughput.ts';

const CONNECTIONS = 64;

export const newConnections: Section = {
  title: 'A new connection per request',
  async run({ options, load, program, progress }) {
    const servers: Server[] = [];
    try {
      const isolated = await startPortcullis({ program, mode: 'isolated', app: apps.hello });
      servers.push(isolated);
      const inline = await startPortcullis({ program, mode: 'inline', app: apps.hello });
      servers.push(inline);
      const base = await startNodeHttp({ app: 'hello' });
      servers.push(base);
      const { rounds, seconds } = options;
      const exercise = { connections: CONNECTIONS, seconds, persistence: 'close' } as const;
      const comparison = await Comparison.measure(servers, load, exercise, rounds, progress);
      return {
        method: `${CONNECTIONS} connections at a time, each for one request with "Connection: close"; otherwise as above.`,
        columns: throughputColumns,
        rows: comparison.rows(base),
        goals: [
          atLeast('isolated to node:http', 0.9, comparison.ratio(isolated, base).median),
          atLeast('inline to node:http', 0.9, comparison.ratio(inline, base).median),
        ],
        notes: [],
        data: comparison.data,
      };
    } finally {
      await stopAll(servers);
    }
  },
};
