import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { within } from '../../test/support/deadline.ts';
import { helloContent, requestBytes } from '../load/browser-request.ts';
import { Client } from '../load/client.ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import { processTree, programName, residentBytes } from '../process-usage.ts';
import { kibibytes, twoDigits, withSpread } from '../report/quantity.ts';
import { atMost, type Section, type Setup } from '../section.ts';
import { startNodeHttp } from '../servers/node-http.ts';
import { apps, policies, startPortcullis } from '../servers/portcullis.ts';
import type { Server } from '../servers/server.ts';
import { ratios, summarize } from '../statistics.ts';

const REPETITIONS = 3;
const WARM_UP_SECONDS = 1;
const WARM_UP_CONNECTIONS = 64;
const CONNECTING_AT_ONCE = 64;
const CONNECT_MS = 60_000;
/** Node's allocator and its collector go on for a moment after the last request. */
const SETTLE_MS = 1_000;
/** Descriptors that a server and this process need besides the connections. */
const OTHER_DESCRIPTORS = 200;
const KEEP_ALIVE_MS = 600_000;

/** Bytes a connection. */
type Cost = { readonly resident: number; readonly collected: number };
type Contender = {
  readonly name: string;
  readonly holder: string;
  start(env: Record<string, string>): Promise<Server>;
};

export const idleConnections: Section = {
  title: 'Memory of an idle keep-alive connection',
  async run(setup) {
    const limit = openFilesLimit();
    const count = Math.min(setup.options.idleConnections, limit - OTHER_DESCRIPTORS);
    if (count < 1) throw new Error(`ulimit -n is ${limit}: not enough for any connections`);
    const contenders = contendersOf(setup.program);
    const costs = new Map<Contender, Cost[]>(contenders.map((contender) => [contender, []]));
    for (let repetition = 0; repetition < REPETITIONS; repetition++) {
      for (const contender of contenders) costs.get(contender)?.push(await costOf(contender, count, setup));
    }
    const [edge, node] = contenders.map((contender) => costs.get(contender) ?? []);
    if (edge === undefined || node === undefined) throw new Error('nothing to compare');
    const resident = (list: readonly Cost[]) => list.map((cost) => cost.resident);
    const collected = (list: readonly Cost[]) => list.map((cost) => cost.collected);
    const ratio = summarize(ratios(resident(edge), resident(node)));
    const collectedRatio = summarize(ratios(collected(edge), collected(node)));
    return {
      method: `Growth of the resident memory of the process that holds the connections (the edge; the one process of node:http), divided by ${count} connections that have made one request each and then idle (ulimit -n is ${limit}). ${REPETITIONS} repetitions, each with a new process, after ${WARM_UP_SECONDS} s of load. "Garbage collected" is from further processes with --expose-gc that collect before both readings; the others run unchanged. What the kernel needs for a socket is the same for both and not included.`,
      columns: ['server', 'resident', 'x node:http', 'garbage collected', 'x node:http'],
      rows: [
        [
          'Portcullis, edge',
          withSpread(summarize(resident(edge)), kibibytes),
          withSpread(ratio, twoDigits),
          withSpread(summarize(collected(edge)), kibibytes),
          withSpread(collectedRatio, twoDigits),
        ],
        [
          'node:http',
          withSpread(summarize(resident(node)), kibibytes),
          twoDigits(1),
          withSpread(summarize(collected(node)), kibibytes),
          twoDigits(1),
        ],
      ],
      goals: [
        atMost('an idle connection, resident', 0.8, 'x node:http', ratio.median, 2),
        atMost('an idle connection, garbage collected', 0.8, 'x node:http', collectedRatio.median, 2),
      ],
      notes: count < setup.options.idleConnections ? [`ulimit -n allows only ${count} connections`] : [],
      data: { connections: count, edge, node },
    };
  },
};

function contendersOf(program: string): readonly Contender[] {
  return [
    {
      name: 'Portcullis',
      holder: 'edge',
      start: (env) => startPortcullis({ program, mode: 'isolated', app: apps.hello, policy: policies.idle, env }),
    },
    {
      name: 'node:http',
      holder: 'hello-node',
      start: (env) => startNodeHttp({ app: 'hello', keepAliveMs: KEEP_ALIVE_MS, env }),
    },
  ];
}

async function costOf(contender: Contender, count: number, { progress }: Setup): Promise<Cost> {
  const resident = await growth(contender, count, false);
  const collected = await growth(contender, count, true);
  progress(`${contender.name}: ${kibibytes(resident)} a connection, ${kibibytes(collected)} without garbage`);
  return { resident, collected };
}

async function growth(contender: Contender, count: number, collecting: boolean): Promise<number> {
  const collector = fileURLToPath(new URL('../apps/collect-garbage.cjs', import.meta.url));
  const server = await contender.start(
    collecting ? { NODE_OPTIONS: `--expose-gc --require ${JSON.stringify(collector)}` } : {},
  );
  const clients: Client[] = [];
  try {
    const holder = server.roots.flatMap(processTree).find((pid) => programName(pid) === contender.holder);
    if (holder === undefined) throw new Error(`${contender.name} has no process ${contender.holder}`);
    const reading = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      if (collecting) await server.collectGarbage(holder);
      return residentBytes(holder);
    };
    const exercise = { port: server.port, request: requestBytes('keep-alive'), content: helloContent };
    await runClosedLoop(exercise, WARM_UP_CONNECTIONS, WARM_UP_SECONDS);
    const before = await reading();
    await within(CONNECT_MS, openIdle(exercise, count, clients), () => `${clients.length} of ${count} connections`);
    const after = await reading();
    const lost = clients.filter((client) => !client.isConnected).length;
    if (lost > 0) throw new Error(`${contender.name} closed ${lost} idle connections`);
    return (after - before) / count;
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
}

/** Some at a time: what is asked is the memory of idle connections, not of a burst. */
function openIdle(exercise: ConstructorParameters<typeof Client>[0], count: number, clients: Client[]): Promise<void> {
  let idle = 0;
  return new Promise((resolve, reject) => {
    const open = (): void => {
      if (clients.length === count) return;
      const client = new Client(exercise, answered, reject);
      clients.push(client);
      client.send();
    };
    const answered = (): void => {
      idle += 1;
      if (idle === count) resolve();
      else open();
    };
    for (let index = 0; index < CONNECTING_AT_ONCE; index++) open();
  });
}

/** `ulimit -n` of this process, which those that it starts inherit. */
function openFilesLimit(): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}
