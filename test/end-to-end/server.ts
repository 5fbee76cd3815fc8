import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from '../support/deadline.ts';
import { type Program, startProgram } from '../support/program.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';

/** Where the application runs: in worker processes, or inside the edge. */
export type WorkerClass = 'node' | 'inline';
export const workerClasses: readonly WorkerClass[] = ['node', 'inline'];
const appFile = fileURLToPath(new URL('fixtures/app.js', import.meta.url));

export type ServerOptions = {
  readonly workerClass?: WorkerClass;
  /** What a policy file says. */
  readonly policy?: object;
  readonly flags?: readonly string[];
};

/** The real program, started; and its clients. */
export class Server {
  readonly program: Program;
  readonly folder: string;
  port = 0;
  readonly #clients: RawClient[] = [];

  constructor({ workerClass = 'node', policy = {}, flags = [] }: ServerOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'end-to-end-'));
    const policyFile = join(this.folder, 'policy.json');
    writeFileSync(policyFile, JSON.stringify(policy));
    this.program = startProgram(['-b', '127.0.0.1:0', '-k', workerClass, '-P', policyFile, ...flags, appFile]);
  }

  /** Resolves when the application answers: a policy with short deadlines refuses what comes before a worker is up. */
  async start(): Promise<this> {
    this.port = await this.program.port();
    const serves = async (): Promise<void> => {
      while (!(await this.ask(get('/declared'))).startsWith('HTTP/1.1 200 '));
    };
    await within(30_000, serves(), () => `it does not serve:\n${this.program.stderr}`);
    return this;
  }

  async connect(
    bytes: string | Uint8Array = '',
    options: { readonly allowHalfOpen?: boolean } = {},
  ): Promise<RawClient> {
    const client = await connectRaw(this.port, options);
    this.#clients.push(client);
    if (bytes.length > 0) client.send(bytes);
    return client;
  }

  /** The whole answer on a connection of its own, which the server has to end. */
  async ask(bytes: string | Uint8Array): Promise<string> {
    const client = await this.connect(bytes, { allowHalfOpen: true });
    client.socket.end();
    return client.receiveAll();
  }

  /** Process ids of the workers that have booted, in their order. */
  async workers(count: number): Promise<readonly number[]> {
    const pids: number[] = [];
    for (let number = 1; number <= count; number++) {
      pids.push(Number((await this.program.logged(/Booting worker with pid: (\d+)/, number))[1]));
    }
    const booted = async (): Promise<void> => {
      while (pids.some(isBooting)) await new Promise((resolve) => setImmediate(resolve));
    };
    await within(30_000, booted(), () => `workers that boot for ever:\n${this.program.stderr}`);
    return pids;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.program.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** By its title. To lose a worker in its first boot ends the server. */
function isBooting(pid: number): boolean {
  try {
    return / booting *\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  } catch {
    return false;
  }
}

export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const server = new Server(options);
  try {
    return await server.start();
  } catch (error) {
    // Its processes would keep the test's from ending.
    await server.stop();
    throw error;
  }
}

export function get(path: string, fields = '', version = '1.1'): string {
  return `GET ${path} HTTP/${version}\r\nHost: localhost\r\n${fields}\r\n`;
}

export function post(path: string, content: string, fields = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n${fields}\r\n${content}`;
}

/** With `{date}` for the date. */
export function withoutDate(text: string): string {
  return text.replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/gm, 'Date: {date}\r');
}
