import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { within } from '../../test/support/deadline.ts';
import type { AttackName, Order, Report } from './attacker-process.ts';
import type { Tally } from './attacks/attack.ts';

const START_MS = 30_000;
/** The ten thousand take 4 s, and more where the CPUs are shared. */
const STRENGTH_MS = 30_000;
/** slowhttptest ends by itself then, whatever becomes of us. */
const LONGEST_SECONDS = 60;

/** A tool that attacks, in processes of its own: what it does with its CPU does not disturb whoever measures here. */
export interface Attacker {
  /** Resolves once the attack goes on at full strength. */
  begin(): Promise<void>;
  /** Begins nothing new and holds what it has. Undefined where the tool keeps its figures to itself. */
  cease(): Promise<Tally | undefined>;
  /** Drops every connection and ends. */
  close(): Promise<void>;
}

/** Which attacker a row of the table has. */
export type Weapon =
  | { readonly tool: 'own'; readonly name: AttackName }
  | { readonly tool: 'slowhttptest'; readonly flags: readonly string[]; readonly path: string };

export function arm(weapon: Weapon, port: number): Promise<Attacker> {
  return weapon.tool === 'own' ? startOwn(weapon.name, port) : armSlowhttptest(weapon, port);
}

/** The version of slowhttptest (https://github.com/shekyan/slowhttptest), where it is installed. */
export function findSlowhttptest(): string | undefined {
  const { stdout, error } = spawnSync('slowhttptest', ['-h'], { encoding: 'utf8' });
  if (error !== undefined) return undefined;
  return /version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

async function startOwn(name: AttackName, port: number): Promise<Attacker> {
  const script = fileURLToPath(new URL('attacker-process.ts', import.meta.url));
  const child = fork(script, [name, String(port)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
  });
  running.add(child);
  const reported = async (milliseconds: number, what: string): Promise<Report> => {
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the attacker ended instead of being ${what}`);
    });
    ended.catch(() => {});
    const [report] = await within(milliseconds, Promise.race([once(child, 'message'), ended]), () => `not ${what}`);
    return report as Report;
  };
  const order = (text: Order): boolean => child.send(text);
  await reported(START_MS, 'loaded').catch(async (error: unknown) => {
    await end(child);
    throw error;
  });
  humble(child);
  return {
    begin: async () => {
      const report = reported(STRENGTH_MS, 'at its full strength');
      order('begin');
      await report;
    },
    cease: async () => {
      const report = reported(START_MS, 'ceasing');
      order('cease');
      return (await report) as Tally;
    },
    close: () => end(child),
  };
}

async function armSlowhttptest(weapon: Weapon & { readonly tool: 'slowhttptest' }, port: number): Promise<Attacker> {
  let child: ChildProcess | undefined;
  return {
    begin: async () => {
      const url = `http://127.0.0.1:${port}${weapon.path}`;
      const args = [...weapon.flags, '-l', String(LONGEST_SECONDS), '-p', '30', '-v', '0', '-u', url];
      child = spawn('slowhttptest', args, { stdio: 'ignore' });
      running.add(child);
      await once(child, 'spawn');
      humble(child);
    },
    cease: async () => undefined,
    close: async () => {
      if (child !== undefined) await end(child);
    },
  };
}

/**
 * On the internet an attacker has a machine of its own. Here it stands back behind the server and its other client;
 * whether the CPU that they leave was enough for its rate is in the figures.
 */
function humble(child: ChildProcess): void {
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
}

async function end(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
