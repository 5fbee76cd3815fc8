import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from '../../test/support/deadline.ts';
import { childrenOf, isAlive, type Program } from '../../test/support/program.ts';
import { processTree } from '../process-usage.ts';
import type { Contender, Kind } from './contender.ts';
import { commandLine } from './kernel.ts';

const STOP_MS = 20_000;
const EXIT_USAGE = 2;
const GUNICORN_EXIT_USAGE = 1;

/** What a row asks of the server. The flags are Gunicorn's, so both are started with the same. */
export type Setup = {
  readonly workers: number;
  /** Of ours alone. */
  readonly edges?: number;
  readonly flags?: readonly string[];
  /** In the environment of the application. */
  readonly variables?: Readonly<Record<string, string>>;
};

/** The server has said that it does not know a flag. */
export class NotAvailable extends Error {}

const appSources: Readonly<Record<Kind, { readonly source: string; readonly name: string; readonly broken: string }>> =
  {
    portcullis: { source: '../apps/lives.js', name: 'lives.mjs', broken: "throw new Error('this app is broken');\n" },
    gunicorn: {
      source: '../apps/wsgi_lives.py',
      name: 'wsgi_lives.py',
      broken: "raise RuntimeError('this app is broken')\n",
    },
  };

const running = new Set<Subject>();
process.on('exit', () => {
  for (const subject of running) subject.signal('SIGINT');
});

/** A server whose processes are about to have adventures, with its own copy of the application in a folder of its own. */
export class Subject {
  readonly kind: Kind;
  readonly program: Program;
  readonly folder: string;
  readonly port: number;
  readonly setup: Setup;
  /** An upgrade makes it another one. */
  master: number;

  private constructor(kind: Kind, program: Program, folder: string, port: number, setup: Setup) {
    this.kind = kind;
    this.program = program;
    this.folder = folder;
    this.port = port;
    this.setup = setup;
    this.master = program.pid;
    running.add(this);
  }

  /** Throws `NotAvailable` where the server refuses its command line. */
  static async start(contender: Contender, setup: Setup): Promise<Subject> {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-lives-'));
    const { kind } = contender;
    const journal = join(folder, 'journal');
    writeFileSync(journal, '');
    writeFileSync(join(folder, 'policy.json'), '{}');
    repair(kind, folder);
    const variables = { LIVES_JOURNAL: journal, ...setup.variables };
    const flags = Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const program = contender.start(folder, { ...setup, flags: [...flags, ...(setup.flags ?? [])] });
    try {
      return new Subject(kind, program, folder, await program.port(), setup);
    } catch (error) {
      const { code, stderr } = await program.stop();
      rmSync(folder, { recursive: true, force: true });
      const words = stderr.trim().split('\n').at(-1) ?? '';
      const isRefused = code === (kind === 'gunicorn' ? GUNICORN_EXIT_USAGE : EXIT_USAGE);
      throw isRefused ? new NotAvailable(words) : error;
    }
  }

  get journal(): string {
    return join(this.folder, 'journal');
  }

  /** Of the master that counts now; those on their way out too. The oldest first. */
  get workers(): readonly number[] {
    const children = childrenOf(this.master).filter(isAlive);
    // A master that an upgrade has started is a child as well, until the old one is gone.
    if (this.kind === 'gunicorn') return children.filter((pid) => childrenOf(pid).length === 0);
    return children.filter((pid) => /\bworker\b/.test(commandLine(pid)));
  }

  get edges(): readonly number[] {
    return childrenOf(this.master).filter((pid) => isAlive(pid) && isEdge(commandLine(pid)));
  }

  signal(name: NodeJS.Signals): void {
    try {
      process.kill(this.master, name);
    } catch {
      // It is gone: what waits for an answer will say so.
    }
  }

  /** From the next reading on the application cannot be loaded. */
  breakApp(): void {
    const { name, broken } = appSources[this.kind];
    writeFileSync(join(this.folder, name), broken);
  }

  repairApp(): void {
    repair(this.kind, this.folder);
  }

  writePolicy(text: string): void {
    writeFileSync(join(this.folder, 'policy.json'), text);
  }

  /** Lines of errors so far: the next one is how a server says that a reload has failed. */
  get errors(): number {
    return this.program.stderr.match(/\[(?:ERROR|CRITICAL)\]/g)?.length ?? 0;
  }

  async stop(): Promise<void> {
    // An upgrade that stopped half-way leaves two masters.
    const all = [...new Set([this.program.pid, this.master].flatMap(familyOf))];
    this.signal('SIGTERM');
    try {
      await within(STOP_MS, this.program.exited, () => 'slow');
    } catch {
      for (const pid of all.filter(isAlive)) process.kill(pid, 'SIGKILL');
      await this.program.stop();
    } finally {
      running.delete(this);
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

function repair(kind: Kind, folder: string): void {
  const { source, name } = appSources[kind];
  copyFileSync(fileURLToPath(new URL(source, import.meta.url)), join(folder, name));
}

function familyOf(pid: number): readonly number[] {
  return isAlive(pid) ? processTree(pid) : [];
}

function isEdge(words: string): boolean {
  return /\bedge\b/.test(words) && !/\bworker\b/.test(words);
}
