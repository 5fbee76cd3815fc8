import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { twoDigits, withSpread } from '../report/quantity.ts';
import { atLeast, type Section } from '../section.ts';
import { apps, type Mode, startPortcullis } from '../servers/portcullis.ts';
import { type Server, stopAll } from '../servers/server.ts';
import { Comparison } from '../throughput.ts';

const CONNECTIONS = 64;
const modes: readonly Mode[] = ['isolated', 'inline'];

/** What is switched on, and of the throughput without it what has to be left. */
type Variant = {
  readonly name: string;
  readonly least: number;
  flags(file: (name: string) => string): readonly string[];
};

const variants: readonly Variant[] = [
  { name: 'access log', least: 0.9, flags: (file) => ['--access-logfile', file('access.log')] },
  {
    name: 'access log in JSON',
    least: 0.9,
    flags: (file) => ['--access-logfile', file('access.json'), '--access-logformat', 'json'],
  },
  { name: 'metrics', least: 0.98, flags: (file) => ['--admin', `unix:${file('admin')}`] },
];

export const logging: Section = {
  title: 'What logs and metrics cost',
  async run({ options, load, program, progress }) {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
    const servers: Server[] = [];
    const notRun: string[] = [];
    try {
      const contests: {
        readonly variant: Variant;
        readonly mode: Mode;
        readonly base: Server;
        readonly server: Server;
      }[] = [];
      for (const mode of modes) {
        const common = { program, mode, app: apps.hello };
        const base = await startPortcullis({ ...common, name: 'without' });
        servers.push(base);
        for (const variant of variants) {
          const flags = variant.flags((name) => join(folder, `${mode}-${name}`));
          try {
            const server = await startPortcullis({ ...common, name: variant.name, flags });
            servers.push(server);
            contests.push({ variant, mode, base, server });
          } catch (error) {
            notRun.push(`${variant.name}, ${mode}: ${causeOf(error)}`);
          }
        }
      }
      const exercise = { connections: CONNECTIONS, seconds: options.seconds, persistence: 'keep-alive' } as const;
      const comparison = await Comparison.measure(servers, load, exercise, options.rounds, progress);
      const figures = contests.map((contest) => ({
        ...contest,
        ratio: comparison.ratio(contest.server, contest.base),
      }));
      const rowOf = (server: Server, base: Server) => comparison.rows(base).filter(([name]) => name === server.name);
      return {
        method: `${CONNECTIONS} keep-alive connections, GET with 7 field lines, under the default policy; without a log, with an access log to a file in Gunicorn's format and in JSON, and with --admin on a Unix socket; ${options.rounds} alternating rounds of ${options.seconds} s after one warm-up; median (lowest to highest).`,
        columns: ['server', 'requests/s', 'x without', 'CPU s per 1000 requests'],
        rows: modes.flatMap((mode) => {
          const own = figures.filter((figure) => figure.mode === mode);
          const base = own[0]?.base;
          return base === undefined
            ? []
            : [base, ...own.map(({ server }) => server)].flatMap((one) => rowOf(one, base));
        }),
        goals: figures.map(({ variant, mode, ratio }) =>
          atLeast(`${mode}: with ${variant.name} to without`, variant.least, ratio.median),
        ),
        notes: [
          ...figures.map(({ variant, mode, ratio }) => `${variant.name}, ${mode}: ${withSpread(ratio, twoDigits)}`),
          ...notRun.map((what) => `not run: ${what}`),
        ],
        data: comparison.data,
        notRun,
      };
    } finally {
      await stopAll(servers);
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A server that does not start says why in what it wrote: the last line of it. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const words = cause instanceof Error ? cause.message : String(cause);
  return words.trim().split('\n').at(-1) ?? words;
}
