import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../test/support/program.ts';
import { type Server, startNodeServer } from './server.ts';

/** `python`: what of workers there is, the flags say. */
export type Mode = 'isolated' | 'inline' | 'python';

export type PortcullisOptions = {
  /** Path of the built `cli.js`. */
  readonly program: string;
  readonly mode: Mode;
  readonly app: string;
  /** Without one it is the default policy, unmodified. */
  readonly policy?: string;
  readonly name?: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

const flagsOf: Readonly<Record<Mode, readonly string[]>> = {
  isolated: ['--edges', '1', '-w', '1', '-k', 'node'],
  inline: ['-w', '1', '-k', 'inline'],
  python: ['--edges', '1'],
};

/** One edge and, when isolated, one worker. */
export function startPortcullis({
  program,
  mode,
  app,
  policy,
  name = 'Portcullis',
  flags = [],
  env,
}: PortcullisOptions): Promise<Server> {
  const policyFlag = policy === undefined ? [] : ['--policy', policy];
  const args = [program, '-b', '127.0.0.1:0', ...flagsOf[mode], ...policyFlag, ...flags, app];
  return startNodeServer(mode === 'python' ? name : `${name}, ${mode}`, args, env);
}

export const apps = {
  hello: fileURLToPath(new URL('../../examples/hello.js', import.meta.url)),
  transfer: fileURLToPath(new URL('../apps/transfer.js', import.meta.url)),
  site: fileURLToPath(new URL('../apps/site.js', import.meta.url)),
};

export const policies = {
  idle: fileURLToPath(new URL('../policies/idle.json', import.meta.url)),
  transfer: fileURLToPath(new URL('../policies/transfer.json', import.meta.url)),
};

/** The program that `npm run build` made. Throws where it is older than its source: its figures would be another's. */
export function builtProgram(): string {
  const built = join(root, 'dist/cli.js');
  const builtAt = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const newest = Math.max(...sources.map((name) => statSync(join(root, 'src', name)).mtimeMs));
  if (builtAt < newest) throw new Error('dist/ is older than src/: npm run build makes it anew');
  return built;
}
