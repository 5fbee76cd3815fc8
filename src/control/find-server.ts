import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { askServer, ControlError } from './ask-server.ts';
import type { ServerStatus } from './protocol.ts';
import { directoryFault, socketDirectories, socketEnding } from './socket-directory.ts';

/** Which server is meant; nothing: the only one of this user. */
export type Wanted = { readonly socket?: string; readonly pid?: number };

export type Environment = Readonly<Record<string, string | undefined>>;

/** Several run, and nobody said which one is meant. */
export class SeveralServers extends Error {
  override readonly name = 'SeveralServers';
}

const statusMs = 2_000;

/** The socket of the server that is meant. Throws `ControlError` where there is none, `SeveralServers` where it is not clear. */
export async function findServer({ socket, pid }: Wanted, environment: Environment): Promise<string> {
  if (socket !== undefined) return socket;
  const sockets = socketsOf(environment);
  if (pid !== undefined) {
    const found = sockets.find((path) => path.endsWith(`/${pid}${socketEnding}`));
    if (found !== undefined) return found;
    throw new ControlError(`no server of this user has the pid ${pid} and a control socket. ${elsewhere}`);
  }
  const servers = (await Promise.all(sockets.map(statusAt))).filter((server) => server !== undefined);
  const [only, another] = servers;
  if (only === undefined) throw new ControlError(`no server of this user runs with a control socket. ${elsewhere}`);
  if (another === undefined) return only.path;
  const lines = servers.map(
    ({ status: { pid: number, name, listeners } }) => `  --pid ${number}  ${name}  ${listeners.join(',')}`,
  );
  throw new SeveralServers(`${servers.length} servers run, and one has to be named:\n${lines.join('\n')}`);
}

const elsewhere =
  'A server of another user, or one that was started with --control-socket, is named with --socket PATH.';

function socketsOf(environment: Environment): readonly string[] {
  const user = process.geteuid?.() ?? 0;
  return socketDirectories(environment, user)
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => {
      // Whoever else has made it could answer in the place of a server.
      const fault = directoryFault(directory, user);
      if (fault !== undefined) throw new ControlError(`sockets cannot be looked for: ${fault}`);
      const names = readdirSync(directory).filter((name) => name.endsWith(socketEnding));
      return names.map((name) => join(directory, name));
    });
}

/** Undefined: it was killed, and its socket is left. */
async function statusAt(path: string): Promise<{ path: string; status: ServerStatus } | undefined> {
  try {
    const { reply } = await askServer(path, { command: 'status' }, statusMs);
    return reply.type === 'status' ? { path, status: reply.status } : undefined;
  } catch (error) {
    if (error instanceof ControlError) return undefined;
    throw error;
  }
}
