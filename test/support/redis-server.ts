import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreAddress } from '../../src/config/rate-limit-store.ts';
import { within } from './deadline.ts';

/** A real Redis that keeps nothing on disk. It can be stopped, killed and started again where it was. */
export class RedisServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'redis-server-'));
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, flags: readonly string[]) {
    this.port = port;
    this.#flags = flags;
  }

  static async start(...flags: readonly string[]): Promise<RedisServer> {
    // Somebody else may get the port between its choice and its use.
    for (let attempts = 5; ; attempts -= 1) {
      const server = new RedisServer(await freePort(), flags);
      if (await server.#run()) return server;
      await server.stop();
      assert.ok(attempts > 1, 'redis-server does not start');
    }
  }

  get address(): StoreAddress {
    return storeAt(this.port);
  }

  /** It answers nothing any more, and the kernel still accepts connections for it. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const exit = once(process, 'exit');
    process.kill('SIGKILL');
    await within(30_000, exit, () => 'redis-server does not end');
  }

  /** At the same port, without what it knew. */
  async restart(): Promise<void> {
    await this.kill();
    assert.ok(await this.#run(), 'redis-server does not start again');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** False where it ended instead. */
  async #run(): Promise<boolean> {
    const flags = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const process = spawn('redis-server', [...flags, '--dir', this.#folder, ...this.#flags], { stdio: 'ignore' });
    this.#process = process;
    const ended = once(process, 'exit').then(() => false);
    const accepts = async (): Promise<boolean> => {
      while (process.exitCode === null) if (await acceptsAt(this.port)) return true;
      return false;
    };
    return within(30_000, Promise.race([ended, accepts()]), () => 'redis-server accepts no connection');
  }
}

export function storeAt(port: number, password = ''): StoreAddress {
  return { endpoint: { kind: 'tcp', host: '127.0.0.1', port, tls: false }, username: '', password, database: 0 };
}

/** Nobody listens there. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function acceptsAt(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
