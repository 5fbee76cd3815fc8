import { type ChildProcess, spawn } from 'node:child_process';
import { within } from '../../test/support/deadline.ts';
import { Program, startNode } from '../../test/support/program.ts';

const STOP_MS = 10_000;

/** A server that is measured. All its processes were started here and end with `stop`, or with this process. */
export type Server = {
  readonly name: string;
  readonly port: number;
  /** With their children these are all processes of the server: what stands behind a proxy counts as its own. */
  readonly roots: readonly number[];
  /** The next answer to "garbage collected", where `collect-garbage.cjs` is loaded. */
  collectGarbage(pid: number): Promise<void>;
  stop(): Promise<void>;
};

/** All of them take SIGINT as "stop at once" and end their children first, which SIGKILL would not. */
const running = new Set<Program>();
process.on('exit', () => {
  for (const program of running) program.signal('SIGINT');
});

/** A script of Node that says `Listening at: http://...:PORT` on standard error once it does. */
export async function startNodeServer(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const program = startNode(args, { env });
  return ready(name, program, (started) => started.port());
}

/** Any other program. `port` resolves once the server accepts. */
export function startServer(
  name: string,
  command: string,
  args: readonly string[],
  port: (program: Program) => Promise<number>,
  env: NodeJS.ProcessEnv = process.env,
) {
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  return ready(name, new Program(child), port);
}

async function ready(
  name: string,
  program: Program,
  listening: (program: Program) => Promise<number>,
): Promise<Server> {
  running.add(program);
  const stop = async (): Promise<void> => {
    program.signal('SIGINT');
    try {
      await within(STOP_MS, program.exited, () => 'slow');
    } catch {
      await program.stop();
    }
    running.delete(program);
  };
  let collections = 0;
  const collectGarbage = async (pid: number): Promise<void> => {
    collections += 1;
    process.kill(pid, 'SIGUSR2');
    await program.logged(/garbage collected/, collections);
  };
  try {
    return { name, port: await listening(program), roots: [program.pid], collectGarbage, stop };
  } catch (error) {
    await stop();
    throw new Error(`${name} does not start`, { cause: error });
  }
}

/** Stops them all, and then fails where one could not be stopped. */
export async function stopAll(servers: readonly Server[]): Promise<void> {
  const results = await Promise.allSettled(servers.map((server) => server.stop()));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
