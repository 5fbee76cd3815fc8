import { chmodSync, lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { type ControlReply, maxRequestBytes, parseRequest } from '../control/protocol.ts';
import { prepareDirectory, socketDirectories, socketEnding } from '../control/socket-directory.ts';
import type { Log } from '../telemetry/error-log.ts';
import { stackOf } from '../telemetry/stack.ts';
import { type ControlledServer, carryOut } from './control-commands.ts';
import { isStale } from './stale-socket.ts';

/** More than any operator needs at once. */
const maxConnections = 8;
/** From the connect to the whole request, and from the reply to its last byte read. */
const patienceMs = 5_000;
/** The kernel's bound of the path of a Unix socket, its NUL included, is 108. */
const maxPathBytes = 107;

/**
 * The socket of `portcullis ctl`. A server that cannot have it serves all the same, and says so: it is for its operator's
 * convenience, and signals do the same.
 */
export class ControlSocket {
  readonly #server: Server;
  readonly #controlled: ControlledServer;
  readonly #log: Log;
  readonly #patienceMs: number;
  readonly #connections = new Set<Socket>();
  #path: string | null = null;
  #isClosed = false;

  constructor(controlled: ControlledServer, log: Log, milliseconds = patienceMs) {
    this.#controlled = controlled;
    this.#patienceMs = milliseconds;
    this.#log = log;
    // A half-closed client (`echo ... | nc -U`) still gets its reply.
    this.#server = createServer({ allowHalfOpen: true }, (connection) => this.#accept(connection));
    this.#server.on('error', (error) => log.warning(`No control socket: ${error.message}`));
    this.#server.unref();
  }

  /** The master that this one takes over from may have the socket: `predecessorGone` is when it is tried once more. */
  async open(
    place: Config['controlSocket'],
    environment: NodeJS.ProcessEnv,
    predecessorGone: Promise<void> | null = null,
  ): Promise<void> {
    try {
      if (place === 'default') await this.#openDefault(environment);
      else if (place !== 'off') await this.#listen(place.path);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (predecessorGone === null) return this.#log.warning(`No control socket: ${problem}`);
      this.#log.info(`No control socket before the old master is gone: ${problem}`);
      void predecessorGone.then(() => (this.#isClosed ? undefined : this.open(place, environment)));
    }
  }

  /** Accepts no more. Who waits for the end of the server has it with the end of the process. */
  close(): void {
    this.#isClosed = true;
    this.#server.close();
    this.#path = null;
  }

  async #openDefault(environment: NodeJS.ProcessEnv): Promise<void> {
    const user = process.geteuid?.() ?? 0;
    const faults: string[] = [];
    for (const directory of socketDirectories(environment, user)) {
      const fault = prepareDirectory(directory, user);
      if (fault === undefined) {
        await removeStale(directory);
        return this.#listen(join(directory, `${process.pid}${socketEnding}`));
      }
      faults.push(fault);
    }
    throw new Error(faults.join('; '));
  }

  async #listen(path: string): Promise<void> {
    if (Buffer.byteLength(path) > maxPathBytes) throw new Error(`the path ${path} is too long for a socket`);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
      if (!(await isStale(path))) throw new Error(`${path} is there already and is in use, or is no socket`);
      unlinkSync(path);
    }
    // The socket is made within the call, with this mode from its first moment.
    const umask = process.umask(0o177);
    try {
      this.#server.listen({ path });
    } finally {
      process.umask(umask);
    }
    if (!this.#server.listening) return;
    chmodSync(path, 0o600);
    this.#path = path;
    this.#log.debug(`Control socket: ${path}`);
  }

  /** For log lines and tests; null: there is none. */
  get path(): string | null {
    return this.#path;
  }

  #accept(connection: Socket): void {
    // What its peer does to it is no trouble of ours.
    connection.on('error', () => {});
    connection.on('close', () => this.#connections.delete(connection));
    this.#connections.add(connection);
    // Nothing waits for ever; a deadline after the reply is set anew.
    const deadline = setTimeout(() => connection.destroy(), this.#patienceMs);
    connection.on('close', () => clearTimeout(deadline));
    if (this.#connections.size > maxConnections) {
      connection.resume();
      this.#finish(connection, { type: 'failed', message: `more than ${maxConnections} control connections at once` });
      return;
    }
    let line = '';
    const receive = (chunk: Buffer): void => {
      line += chunk.toString('latin1');
      const end = line.indexOf('\n');
      if (end === -1 && line.length <= maxRequestBytes) return;
      connection.off('data', receive);
      connection.resume();
      clearTimeout(deadline);
      void this.#answer(connection, end === -1 ? '' : line.slice(0, end));
    };
    connection.on('data', receive);
    connection.on('end', () => {
      if (!line.includes('\n')) connection.destroy();
    });
  }

  async #answer(connection: Socket, line: string): Promise<void> {
    let reply: ControlReply;
    try {
      const request = parseRequest(Buffer.from(line, 'latin1').toString('utf8'));
      if (request === undefined) {
        reply = { type: 'failed', message: 'this is no request that this version of the server knows' };
      } else {
        if (request.command !== 'status' && request.command !== 'jail') {
          this.#log.info(`Control: ${request.command}${'client' in request ? ` ${request.client}` : ''}`);
        }
        reply = await carryOut(request, this.#controlled);
      }
    } catch (error) {
      this.#log.error('a control command failed', stackOf(error));
      reply = { type: 'failed', message: 'the command failed, and the log of the server says why' };
    }
    this.#finish(connection, reply);
  }

  /** A client that does not read has a deadline too; one that waits for our end, only its own. */
  #finish(connection: Socket, reply: ControlReply): void {
    if (connection.destroyed) return;
    const text = `${JSON.stringify(reply)}\n`;
    if (reply.type === 'stopping') {
      connection.write(text);
      return;
    }
    const deadline = setTimeout(() => connection.destroy(), this.#patienceMs);
    connection.on('close', () => clearTimeout(deadline));
    connection.end(text);
  }
}

/** Sockets of servers that were killed: nobody answers there. */
async function removeStale(directory: string): Promise<void> {
  for (const name of readdirSync(directory).filter((entry) => entry.endsWith(socketEnding))) {
    const path = join(directory, name);
    if (!(await isStale(path))) continue;
    try {
      unlinkSync(path);
    } catch {
      // Another server that starts has removed it.
    }
  }
}
