import { gone, isAlive } from '../../test/support/program.ts';
import { parentOf } from './kernel.ts';
import type { Act, Life, Stage } from './life.ts';

const RELOAD_MS = 3_000;
const UPGRADE_MS = 30_000;
/** Answers between two adventures: the load is to meet the server as it is when nothing happens. */
const BETWEEN = 100;

/** What an operator does to a server that runs. None of it may cost a request. */
export const reloads: readonly Life[] = [
  {
    name: 'reload (HUP)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 20, short: 3 },
    hasVolume: true,
    setup: { workers: 2 },
    act: (stage) => reloadAll(stage),
  },
  {
    name: 'reload of 4 workers (HUP)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 5, short: 1 },
    hasVolume: false,
    setup: { workers: 4 },
    act: (stage) => reloadAll(stage, RELOAD_MS),
  },
  {
    name: 'reload with a broken app, then with a good one (HUP)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 5, short: 1 },
    hasVolume: true,
    setup: { workers: 2 },
    act: (stage) =>
      reloadBroken(
        stage,
        () => stage.subject.breakApp(),
        () => stage.subject.repairApp(),
      ),
  },
  {
    name: 'reload with a broken policy, then with a good one (HUP)',
    kinds: ['portcullis'],
    times: { long: 5, short: 1 },
    hasVolume: true,
    setup: { workers: 2 },
    act: (stage) =>
      reloadBroken(
        stage,
        () => stage.subject.writePolicy('{ "request": 1 }'),
        () => stage.subject.writePolicy('{}'),
      ),
  },
  {
    name: 'a worker more, a worker less (TTIN, TTOU)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 10, short: 2 },
    hasVolume: true,
    setup: { workers: 2 },
    act: growAndShrink,
  },
  {
    name: 'upgrade (USR2, WINCH, TERM)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 5, short: 1 },
    hasVolume: true,
    setup: { workers: 2, flags: ['--pid', 'pid'] },
    act: upgrade,
  },
];

async function reloadAll(stage: Stage, most?: number): Promise<Act> {
  const values: number[] = [];
  for (let time = 0; time < stage.times; time++) values.push(await reload(stage));
  return {
    measures: [{ what: 'until all new workers serve', unit: 'ms', values, ...(most !== undefined && { most }) }],
  };
}

/** Milliseconds until as many new workers have answered; returns when the old ones are gone. */
async function reload({ subject, load }: Stage): Promise<number> {
  const { workers: count } = subject.setup;
  const before = [...load.answersOf.keys(), ...subject.workers];
  const leaving = subject.workers;
  const start = performance.now();
  subject.signal('SIGHUP');
  await load.until(
    () => load.newcomers(before).length >= count,
    () => `${load.newcomers(before).length} of ${count} new workers serve after a reload`,
  );
  const elapsed = performance.now() - start;
  await load.until(
    () => !leaving.some(isAlive),
    () => 'old workers are there after a reload',
  );
  await load.goesOn(BETWEEN);
  return elapsed;
}

async function reloadBroken(stage: Stage, damage: () => void, repair: () => void): Promise<Act> {
  const { subject, load, times } = stage;
  const problems: string[] = [];
  for (let time = 0; time < times; time++) {
    const before = subject.workers;
    damage();
    const { errors } = subject;
    subject.signal('SIGHUP');
    await load.until(
      () => subject.errors > errors,
      () => 'nothing is said about what is broken',
    );
    await load.goesOn(BETWEEN);
    if (!before.every(isAlive)) problems.push('workers that served are gone after a reload that failed');
    repair();
    await reload(stage);
  }
  return { problems };
}

async function growAndShrink({ subject, load, times }: Stage): Promise<Act> {
  const values: number[] = [];
  for (let time = 0; time < times; time++) {
    const before = subject.workers;
    const known = [...load.answersOf.keys(), ...before];
    const start = performance.now();
    subject.signal('SIGTTIN');
    await load.until(
      () => load.newcomers(known).length > 0,
      () => 'no worker more serves',
    );
    values.push(performance.now() - start);
    subject.signal('SIGTTOU');
    await load.until(
      () => subject.workers.length === before.length,
      () => `${subject.workers.length} workers instead of ${before.length}`,
    );
    await load.goesOn(BETWEEN);
  }
  return { measures: [{ what: 'until one more serves', unit: 'ms', values }] };
}

/**
 * The new program is known by its workers, which have another parent: pid files are where servers differ. Our old master lets
 * its processes go once it knows that the new one serves. Gunicorn ignores WINCH but as a daemon; its old workers end with TERM.
 */
async function upgrade({ subject, load, times }: Stage): Promise<Act> {
  const values: number[] = [];
  for (let time = 0; time < times; time++) {
    const old = subject.master;
    const leaving = subject.workers;
    const known = [...load.answersOf.keys(), ...leaving];
    const start = performance.now();
    subject.signal('SIGUSR2');
    const stranger = (): number | undefined =>
      load.newcomers(known).find((worker) => isAlive(worker) && parentOf(worker) !== old);
    await load.until(
      () => stranger() !== undefined,
      () => 'no worker of a new master serves',
    );
    values.push(performance.now() - start);
    const next = parentOf(stranger() ?? old);
    if (subject.kind === 'portcullis') {
      await load.until(
        () => subject.program.stderr.includes(`New master serves (pid:${next})`),
        () => 'the old master does not hear that the new one serves',
      );
    }
    subject.signal('SIGWINCH');
    if (subject.kind === 'portcullis') {
      await load.until(
        () => !leaving.some(isAlive),
        () => 'workers of the old master are there after WINCH',
        UPGRADE_MS,
      );
    }
    subject.signal('SIGTERM');
    subject.master = next;
    await gone([old], UPGRADE_MS);
    await load.goesOn(BETWEEN);
  }
  return { measures: [{ what: 'until the new program serves', unit: 'ms', values }] };
}
