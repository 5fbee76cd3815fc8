import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { largePolicy } from '../policies/large.ts';
import { milliseconds, twoDigits, withSpread } from '../report/quantity.ts';
import { atLeast, atMost, type Section } from '../section.ts';
import { apps, startPortcullis } from '../servers/portcullis.ts';
import { type Server, stopAll } from '../servers/server.ts';
import { summarize } from '../statistics.ts';
import { Comparison } from '../throughput.ts';

const CONNECTIONS = 64;

export const policy: Section = {
  title: 'A policy of 1,000 routes and 10,000 blocks of addresses',
  async run({ options, load, program, progress }) {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
    const servers: Server[] = [];
    try {
      const file = join(folder, 'large.json');
      writeFileSync(file, largePolicy());
      const loads = Array.from({ length: options.rounds }, () => loadSeconds(program, file));
      const common = { program, mode: 'isolated', app: apps.hello } as const;
      const small = await startPortcullis({ ...common, name: 'default policy' });
      servers.push(small);
      const large = await startPortcullis({ ...common, name: 'large policy', policy: file });
      servers.push(large);
      const { rounds, seconds } = options;
      const exercise = { connections: CONNECTIONS, seconds, persistence: 'keep-alive' } as const;
      const comparison = await Comparison.measure(servers, load, exercise, rounds, progress);
      const loading = summarize(loads);
      return {
        method: `${CONNECTIONS} keep-alive connections, GET with 7 field lines that takes the last of the routes, ${rounds} alternating rounds of ${seconds} s after one warm-up; median (lowest to highest). Loading, in a new process each time: reading, checks, a sample request for each route, and the tables.`,
        columns: ['server', 'requests/s', 'x default policy', 'CPU s per 1000 requests'],
        rows: comparison.rows(small),
        goals: [
          atLeast('large policy to default policy', 0.95, comparison.ratio(large, small).median),
          atMost('loading', 1, 's', loading.median, 2),
        ],
        notes: [
          `large to default: ${withSpread(comparison.ratio(large, small), twoDigits)}`,
          `loading: ${withSpread(loading, milliseconds)}`,
        ],
        data: { loads, ...(comparison.data as object) },
      };
    } finally {
      await stopAll(servers);
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** As the program loads it at start, in a process that has compiled nothing yet; the start of Node is left out. */
function loadSeconds(program: string, file: string): number {
  const module = (path: string): string => JSON.stringify(pathToFileURL(join(dirname(program), path)).href);
  const script = `
    import { loadTrustedPolicy } from ${module('explain/trusted-policy.js')};
    import { putInForce } from ${module('policy/policy-in-force.js')};
    const start = performance.now();
    putInForce(loadTrustedPolicy(${JSON.stringify(file)}).policy);
    console.log((performance.now() - start) / 1000);`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
}
