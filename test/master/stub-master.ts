import { join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import type { LimitsOfPolicy } from '../../src/master/token-authority.ts';
import { bundledPrograms } from '../support/bundled-programs.ts';
import { type Program, type ProgramOptions, startNode } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';

const programs = bundledPrograms(
  ['program', 'edge', 'worker'].map((name) => new URL(`./fixtures/${name}.ts`, import.meta.url)),
);

/** As much of a policy as a master looks at. */
export function stubPolicy(name: string): object {
  return {
    name,
    timeouts: { workerMs: 30_000 },
    connections: { maxPerClient: 256 },
    jail: { maxScore: 100, decayMs: 60_000, blockMs: 600_000 },
    rateLimits: [],
    rateLimitStore: { timeoutMs: 100, outage: 'local', maxKeys: 1000 },
    routes: [],
  };
}

/** The numbers that a test does not care about. */
const config = {
  app: { kind: 'javascript', path: '/nowhere', name: 'ready' },
  workingDirectory: process.cwd(),
  environment: {},
  binds: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
  workerClass: 'node',
  threads: 1,
  python: null,
  workers: 1,
  edges: 1,
  workerConnections: 1000,
  scriptName: '',
  backlog: 2048,
  policy: stubPolicy('first'),
  policyFile: null,
  watchPolicy: false,
  gracefulTimeoutMs: 30_000,
  recycling: { maxRequests: 0, maxRequestsJitter: 0, maxMemoryBytes: 0, lifetimeMs: 0 },
  preload: false,
  reload: null,
  rateLimitStore: null,
  accessLog: null,
  errorLog: { file: '-', syslog: null, format: 'text' },
  logLevel: 'info',
  record: null,
  pidFile: null,
  daemon: false,
  processName: 'stub',
  user: null,
  initGroups: false,
  workerUser: null,
  socketUmask: null,
  controlSocket: 'off',
  hooks: { module: null, master: {}, worker: {} },
  version: '0',
  admin: null,
  statsd: null,
  checkOnly: false,
  warnings: [],
} as const satisfies Omit<Config, 'policy'> & { readonly policy: object };

/** Starts the real master with the stub children of `fixtures/`. `reloads` is a JSON file with what a reload changes. */
export function startStubMaster(
  changes: Omit<Partial<Config>, 'policy'> & {
    readonly behaviour?: string;
    readonly reloads?: string;
    readonly limits?: Partial<LimitsOfPolicy>;
  } = {},
  options: ProgramOptions = {},
): Program {
  const { behaviour, reloads = '', limits = {}, ...rest } = changes;
  const policy = { ...config.policy, ...limits };
  const app = { ...config.app, ...rest.app, name: behaviour ?? 'ready' };
  return startNode(
    [join(programs, 'program.mjs'), JSON.stringify({ ...config, ...rest, app, policy }), reloads],
    options,
  );
}

/** What a stub edge answers; the connect itself must succeed. */
export async function ask(port: number | string, question: string): Promise<unknown> {
  const client = await connectRaw(port);
  client.send(`${question}\n`);
  return JSON.parse(await client.receiveAll());
}

/** Asks until the edge is linked to so many workers; each answer is a round trip, so this is no busy loop. */
export async function linkedWorkers(port: number | string, count: number): Promise<readonly number[]> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const linked = (await ask(port, 'linked')) as number[];
    if (linked.length === count) return linked;
    if (Date.now() > deadline) throw new Error(`linked to ${linked.length} workers, not ${count}`);
  }
}
