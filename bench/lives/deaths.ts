import { gone, isAlive } from '../../test/support/program.ts';
import { processTree } from '../process-usage.ts';
import { Asker } from './asker.ts';
import { clientsOf, stopProcess } from './kernel.ts';
import type { Act, AttributedFailure, Life, Stage } from './life.ts';
import { get } from './question.ts';

const BETWEEN = 100;
const RESTART_MS = 1_000;
const TIMEOUT_SECONDS = 2;

/** What happens to a server by itself. It may cost what the process was running, and nothing else. */
export const deaths: readonly Life[] = [
  {
    name: 'a worker dies (kill -9)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 8, short: 2 },
    hasVolume: false,
    setup: { workers: 4 },
    act: killWorkers,
  },
  {
    name: 'an edge dies (kill -9)',
    kinds: ['portcullis'],
    times: { long: 8, short: 2 },
    hasVolume: false,
    setup: { workers: 2, edges: 2 },
    act: killEdges,
  },
  {
    name: 'the master dies (kill -9)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 1, short: 1 },
    hasVolume: false,
    setup: { workers: 2, edges: 2 },
    act: killMaster,
  },
  {
    name: `a worker stands still (SIGSTOP, --timeout ${TIMEOUT_SECONDS})`,
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 3, short: 1 },
    hasVolume: false,
    setup: { workers: 2, flags: ['--timeout', String(TIMEOUT_SECONDS)] },
    act: stopWorkers,
  },
  {
    name: `an app blocks its thread (--timeout ${TIMEOUT_SECONDS})`,
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 3, short: 1 },
    hasVolume: false,
    setup: { workers: 2, flags: ['--timeout', String(TIMEOUT_SECONDS)] },
    act: blockWorkers,
  },
];

/**
 * What these had begun. A worker publishes that it begins a request before it calls the application, which then writes its
 * line: one request of each death may be between the two, and it must not be run again either.
 */
function begunBy(victims: ReadonlySet<number>): (failure: AttributedFailure) => boolean {
  let between = 0;
  return ({ begunBy: pids, cause }) => {
    if (pids.some((pid) => victims.has(pid))) return true;
    if (pids.length > 0 || !/ (?:worker\.failed|timeout\.worker)$/.test(cause)) return false;
    between += 1;
    return between <= victims.size;
  };
}

/** And whoever was known then: the one who answers for it is none of them. */
function oldestWorker(subject: Stage['subject'], load: Stage['load']): { victim: number; known: readonly number[] } {
  const known = [...load.answersOf.keys(), ...subject.workers];
  const victim = subject.workers[0];
  if (victim === undefined) throw new Error('no worker is left');
  return { victim, known };
}

/** The oldest each time: one that dies young again and again waits before it is started, as it should. */
async function killWorkers({ subject, load, times }: Stage): Promise<Act> {
  const victims = new Set<number>();
  const values: number[] = [];
  for (let time = 0; time < times; time++) {
    const { victim, known } = oldestWorker(subject, load);
    victims.add(victim);
    const start = performance.now();
    process.kill(victim, 'SIGKILL');
    await load.until(
      () => load.newcomers(known).length > 0,
      () => 'no worker takes the place of a dead one',
    );
    values.push(performance.now() - start);
    await load.goesOn(BETWEEN);
  }
  return {
    measures: [{ what: 'until its replacement serves', unit: 'ms', values, most: RESTART_MS }],
    mayFail: begunBy(victims),
  };
}

/** The one with most connections. Stopped first, so that what it holds when it dies is what the kernel says it holds. */
async function killEdges({ subject, load, times }: Stage): Promise<Act> {
  const held = new Set<number>();
  for (let time = 0; time < times; time++) {
    const before = subject.edges;
    const clients = (edge: number): ReadonlySet<number> => clientsOf(edge, subject.port);
    const [victim] = [...before].sort((a, b) => clients(b).size - clients(a).size);
    if (victim === undefined) throw new Error('no edge is left');
    stopProcess(victim);
    for (const client of clients(victim)) held.add(client);
    process.kill(victim, 'SIGKILL');
    await load.until(
      () => subject.edges.length === before.length && !isAlive(victim),
      () => 'no edge takes the place of a dead one',
    );
    await load.goesOn(BETWEEN);
  }
  return {
    mayFail: ({ localPort }) => localPort !== null && held.has(localPort),
    problems: held.size === 0 ? ['no edge that died held a connection'] : [],
  };
}

async function killMaster({ subject, load }: Stage): Promise<Act> {
  const all = processTree(subject.master);
  const failedBefore = new Set(load.failures);
  const start = performance.now();
  process.kill(subject.master, 'SIGKILL');
  await gone(all);
  const values = [performance.now() - start];
  const ids = new Set([...failedBefore].map(({ id }) => id));
  return {
    measures: [{ what: 'until the last process is gone', unit: 'ms', values }],
    mayFail: ({ id }) => !ids.has(id),
  };
}

async function stopWorkers({ subject, load, times }: Stage): Promise<Act> {
  const victims = new Set<number>();
  const values: number[] = [];
  for (let time = 0; time < times; time++) {
    const { victim, known } = oldestWorker(subject, load);
    victims.add(victim);
    const start = performance.now();
    stopProcess(victim);
    try {
      await load.until(
        () => !isAlive(victim),
        () => 'a worker that stands still is there',
      );
      values.push(performance.now() - start);
    } finally {
      if (isAlive(victim)) process.kill(victim, 'SIGCONT');
    }
    await load.until(
      () => load.newcomers(known).length > 0,
      () => 'no worker takes its place',
    );
    await load.goesOn(BETWEEN);
  }
  return {
    measures: [{ what: 'until it is gone', unit: 'ms', values }],
    mayFail: begunBy(victims),
  };
}

/** By one request more, which is not among those that are counted. */
async function blockWorkers({ subject, load, times }: Stage): Promise<Act> {
  const victims = new Set<number>();
  const values: number[] = [];
  const problems: string[] = [];
  for (let time = 0; time < times; time++) {
    const before = subject.workers;
    const known = [...load.answersOf.keys(), ...before];
    const asker = new Asker(subject.port);
    const start = performance.now();
    const asking = asker.ask(get(`spin-${time}`, '/spin'));
    await load.until(
      () => before.some((pid) => !isAlive(pid)),
      () => 'a worker whose thread is blocked is there',
    );
    values.push(performance.now() - start);
    for (const pid of before) if (!isAlive(pid)) victims.add(pid);
    const reply = await asking;
    asker.close();
    const cause = reply.type === 'failed' ? reply.cause : 'an answer';
    if (subject.kind === 'portcullis' && cause !== 'status 504 timeout.worker') {
      problems.push(`the request that blocked was told: ${cause}`);
    }
    await load.until(
      () => load.newcomers(known).length > 0,
      () => 'no worker takes its place',
    );
    await load.goesOn(BETWEEN);
  }
  return {
    measures: [{ what: 'until it is gone', unit: 'ms', values }],
    mayFail: begunBy(victims),
    problems,
  };
}
