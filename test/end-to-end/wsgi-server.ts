import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childrenOf, type Program, type ProgramOptions, startProgram } from '../support/program.ts';

/** The Python that Debian's frameworks are installed for. */
export const systemPython = '/usr/bin/python3';

/** Worker classes that run every framework; with as many workers as requests may wait for each other in a test. */
export const pythonClasses: readonly (readonly string[])[] = [
  ['-k', 'sync', '-w', '2'],
  ['-k', 'gthread', '--threads', '4'],
];

export type WsgiOptions = {
  readonly app: string;
  /** Files, and folders for what is in them: copied into the folder of the server, which is its working directory. */
  readonly files?: readonly string[];
  readonly flags?: readonly string[];
  readonly policy?: object;
  readonly env?: ProgramOptions['env'];
};

/** The program with an application in Python, in a folder of its own. */
export class WsgiServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'wsgi-test-'));
  readonly program: Program;
  port = 0;

  constructor({ app, files = [], flags = [], policy = {}, env = {} }: WsgiOptions) {
    for (const file of files) cpSync(file, placeOf(file, this.folder), { recursive: true });
    // The first request waits until a worker has booted, which takes seconds where the machine has other work.
    const patient = { timeouts: { queue: '60s' }, ...policy };
    writeFileSync(join(this.folder, 'policy.json'), JSON.stringify(patient));
    const words = ['-b', '127.0.0.1:0', '--no-control-socket', '-P', 'policy.json', '--python', systemPython];
    this.program = startProgram([...words, ...flags, app], { cwd: this.folder, env });
  }

  /** Process ids of the workers that have booted, and of the edges. */
  processes(): { readonly workers: readonly number[]; readonly edges: readonly number[] } {
    const booted = [...this.program.stderr.matchAll(/Booting worker with pid: (\d+)/g)].map(([, pid]) => Number(pid));
    const children = childrenOf(this.program.pid);
    return {
      workers: children.filter((pid) => booted.includes(pid)),
      edges: children.filter((pid) => !booted.includes(pid)),
    };
  }

  async stop(): Promise<void> {
    await this.program.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** Resolves when it listens and its workers boot; the first requests wait for them. */
export async function startWsgi(options: WsgiOptions): Promise<WsgiServer> {
  const server = new WsgiServer(options);
  try {
    server.port = await server.program.port();
    await server.program.logged(/Booting worker with pid/);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function placeOf(file: string, folder: string): string {
  return statSync(file).isDirectory() ? folder : join(folder, basename(file));
}

/** Where a file of the tests or of the examples is. */
export function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
