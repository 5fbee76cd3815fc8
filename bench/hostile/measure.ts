import { helloContent, requestBytes } from '../load/browser-request.ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import { verifyHello } from '../load/verify.ts';
import { cpuSeconds, processTree, programName, treeCpuSeconds } from '../process-usage.ts';
import type { Server } from '../servers/server.ts';
import { arm } from './attacker.ts';
import type { Tally } from './attacks/attack.ts';
import type { Contender } from './contenders.ts';
import { Growth, type GrowthFigures } from './growth.ts';
import { whenReleased } from './held-connections.ts';
import { type Visit, visit } from './neighbour.ts';
import type { PolicyFile, Trial } from './trials.ts';

export const WARM_UP_SECONDS = 2;
export const WARM_UP_CLIENTS = 32;
export const VISIT_SECONDS = 2.5;
/** On top of the deadline of the row, for clocks that tick coarsely and CPUs that are shared. */
export const SLACK_SECONDS = 3;
/** Until a thousand connections at a thousand a second are there; the ten thousand are once the attack has begun. */
const CONTROL_SECONDS = 1.5;
/** The attacker is gone: until the server has noticed, for each of its connections. */
const GOES_SECONDS = 15;

/** One spell of the attack. */
export type Attacked = {
  readonly visit: Visit;
  /** Share of one CPU, 0 to 1 and above where there are several processes. */
  readonly cpu: number;
  /** Connections that the server still held when its deadline and the slack were over. */
  readonly left: number;
  readonly tally: Tally | undefined;
};

export type Measured = {
  readonly calm: readonly Visit[];
  readonly attacked: readonly Attacked[];
  readonly growth: GrowthFigures;
};

export type Controlled = Pick<Attacked, 'left'>;

/** Calm, attack, calm, attack: what the machine does meanwhile by itself is in both. */
export async function measure(
  contender: Contender,
  trial: Trial,
  policy: PolicyFile,
  rounds: number,
): Promise<Measured> {
  const server = await contender.start(policy);
  try {
    await warmUp(server);
    const growth = new Growth(server.roots);
    const calm: Visit[] = [];
    const attacked: Attacked[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        calm.push(await visit(server.port, VISIT_SECONDS));
        attacked.push(await attackOnce(server, trial, contender.front));
      }
    } finally {
      growth.stop();
    }
    return { calm, attacked, growth: growth.figures };
  } finally {
    await server.stop();
  }
}

/** The attack against a server without the protection: what is left shows that it was the protection that helped. */
export async function control(contender: Contender, trial: Trial, policy: PolicyFile): Promise<Controlled> {
  const server = await contender.start(policy);
  try {
    const attacker = await arm(trial.weapon, server.port);
    try {
      await attacker.begin();
      await new Promise((resolve) => setTimeout(resolve, CONTROL_SECONDS * 1000));
      await attacker.cease();
      return { left: await whenReleased(server.port, trial.endsWithinSeconds + SLACK_SECONDS) };
    } finally {
      await attacker.close();
    }
  } finally {
    await server.stop();
  }
}

async function attackOnce(server: Server, trial: Trial, front: string | undefined): Promise<Attacked> {
  const attacker = await arm(trial.weapon, server.port);
  try {
    await attacker.begin();
    const cpu = cpuMeter(server, front);
    const seen = await visit(server.port, VISIT_SECONDS);
    const used = cpu();
    const tally = await attacker.cease();
    const left = await whenReleased(server.port, trial.endsWithinSeconds + SLACK_SECONDS);
    return { visit: seen, cpu: used, left, tally };
  } finally {
    await attacker.close();
    // Where the server did not end them they end now: the next spell of calm is to be calm.
    await whenReleased(server.port, GOES_SECONDS);
  }
}

/** Heaps, compilers and caches grow to what they need under load; each client is another one, for the limits per client. */
async function warmUp(server: Server): Promise<void> {
  await verifyHello(server);
  const exercise = (index: number) => ({
    port: server.port,
    localAddress: `127.0.1.${index + 1}`,
    request: requestBytes('keep-alive'),
    content: helloContent,
  });
  await runClosedLoop(exercise, WARM_UP_CLIENTS, WARM_UP_SECONDS);
}

function cpuMeter({ roots }: Server, front: string | undefined): () => number {
  const pids = roots.flatMap(processTree).filter((pid) => front !== undefined && programName(pid) === front);
  const read = (): number =>
    front === undefined ? treeCpuSeconds(roots) : pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const start = { at: performance.now(), seconds: read() };
  return () => (read() - start.seconds) / ((performance.now() - start.at) / 1000);
}
