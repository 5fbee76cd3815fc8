import { lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { AdminAddress } from '../config/admin-address.ts';
import type { Log } from '../telemetry/error-log.ts';
import { BindError } from './listeners.ts';
import { isStale } from './stale-socket.ts';

export type AdminListening = {
  /** Another server has the address and will give it up: come again until it has. */
  readonly waits: boolean;
  readonly log: Pick<Log, 'info' | 'warning'>;
  /** The end of all waiting. */
  readonly signal: AbortSignal;
};

const firstWaitMs = 100;
const longestWaitMs = 5_000;

/** Throws `BindError`, whose message is for the operator. */
export async function listenAdmin(server: Server, address: AdminAddress, listening: AdminListening): Promise<void> {
  try {
    await listenOnce(server, address);
  } catch (error) {
    if (!isInUse(error) || !listening.waits) throw new BindError(problemOf(address, error));
    listening.log.info(`Metrics wait for ${shown(address)}: the server before this one still has it`);
    void listenLater(server, address, listening);
    return;
  }
  server.on('error', (error) => listening.log.warning(`The listener of --admin fails: ${error.message}`));
}

async function listenLater(server: Server, address: AdminAddress, { log, signal }: AdminListening): Promise<void> {
  for (let waitMs = firstWaitMs; !signal.aborted; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    try {
      await delay(waitMs, undefined, { signal, ref: false });
      await listenOnce(server, address);
      log.info(`Metrics are served at ${shown(address)} now`);
      server.on('error', (error) => log.warning(`The listener of --admin fails: ${error.message}`));
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isInUse(error)) return log.warning(problemOf(address, error));
    }
  }
}

async function listenOnce(server: Server, address: AdminAddress): Promise<void> {
  if (address.kind === 'tcp') return listening(server, () => server.listen({ host: address.host, port: address.port }));
  // A file that a dead server left behind is replaced; one where somebody answers, or that is no socket, never.
  const { path } = address;
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined && (await isStale(path))) unlinkSync(path);
  return listening(server, () => {
    // The socket is made within the call, with mode 0600 from its first moment.
    const umask = process.umask(0o177);
    try {
      server.listen({ path });
    } finally {
      process.umask(umask);
    }
  });
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const listens = (): void => {
      server.off('error', fails);
      resolve();
    };
    const fails = (error: Error): void => {
      server.off('listening', listens);
      reject(error);
    };
    server.once('listening', listens);
    server.once('error', fails);
    listen();
  });
}

function isInUse(error: unknown): boolean {
  return codeOf(error) === 'EADDRINUSE';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function problemOf(address: AdminAddress, error: unknown): string {
  const code = codeOf(error);
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there already, or the path is no socket; choose another address with --admin',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'the system does not permit it, or the directory does not exist',
    ENOTFOUND: 'the name has no address',
  };
  return `Cannot serve metrics at ${shown(address)}: ${reasons[code] ?? code} (${code}).`;
}

function shown(address: AdminAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
