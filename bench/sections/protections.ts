import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { policyKeys } from '../hostile/policy-keys.ts';
import { twoDigits, withSpread } from '../report/quantity.ts';
import { atLeast, type Section } from '../section.ts';
import { apps, type Mode, startPortcullis } from '../servers/portcullis.ts';
import { type Server, stopAll } from '../servers/server.ts';
import { Comparison } from '../throughput.ts';

const CONNECTIONS = 64;
/** Of 1: what all of them together may cost is 8 %. */
const LEAST_RATIO = 0.92;
const modes: readonly Mode[] = ['isolated', 'inline'];

/** Each far beyond what the load reaches, so that it is asked for every request and never says no. */
const everything: Readonly<Record<string, unknown>> = {
  rateLimits: [{ name: 'beyond-reach', key: 'client', requests: 10_000_000, per: '1s' }],
  connections: { maxPerClient: 5_000 },
  jail: { maxScore: 1_000_000 },
};
const neededKeys = ['rateLimits', 'connections.maxPerClient', 'jail.maxScore'];

export const protections: Section = {
  title: 'What limits per client cost',
  async run({ options, load, program, progress }) {
    const method = `${CONNECTIONS} keep-alive connections of one client, GET with 7 field lines, under the default policy and under one with a rate limit, a cap of connections and a jail, all of them beyond reach; ${options.rounds} alternating rounds of ${options.seconds} s after one warm-up; median (lowest to highest).`;
    const columns = ['server', 'requests/s', 'x default policy', 'CPU s per 1000 requests'];
    const knows = policyKeys(program);
    const missing = neededKeys.filter((key) => !knows(key));
    if (missing.length > 0) {
      const notes = [`left out: this build has no ${missing.join(', ')}`];
      return { method, columns, rows: [], goals: [], notes, data: undefined };
    }
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
    const servers: Server[] = [];
    const add = async (starting: Promise<Server>): Promise<Server> => {
      const server = await starting;
      servers.push(server);
      return server;
    };
    try {
      const policy = join(folder, 'policy.json');
      writeFileSync(policy, JSON.stringify(everything));
      const pairs: { readonly mode: Mode; readonly base: Server; readonly limited: Server }[] = [];
      for (const mode of modes) {
        const common = { program, mode, app: apps.hello };
        const base = await add(startPortcullis({ ...common, name: 'default policy' }));
        const limited = await add(startPortcullis({ ...common, name: 'everything on', policy }));
        pairs.push({ mode, base, limited });
      }
      const { rounds, seconds } = options;
      const exercise = { connections: CONNECTIONS, seconds, persistence: 'keep-alive' } as const;
      const comparison = await Comparison.measure(servers, load, exercise, rounds, progress);
      const figures = pairs.map(({ mode, base, limited }) => ({
        mode,
        base,
        limited,
        ratio: comparison.ratio(limited, base),
      }));
      return {
        method,
        columns,
        rows: figures.flatMap(({ base, limited }) =>
          comparison.rows(base).filter(([name]) => name === base.name || name === limited.name),
        ),
        goals: figures.map(({ mode, ratio }) =>
          atLeast(`${mode}: everything on to default policy`, LEAST_RATIO, ratio.median),
        ),
        notes: figures.map(({ mode, ratio }) => `${mode}: ${withSpread(ratio, twoDigits)}`),
        data: comparison.data,
      };
    } finally {
      await stopAll(servers);
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
