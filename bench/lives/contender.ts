import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Program, startNode } from '../../test/support/program.ts';
import type { Setup } from './subject.ts';

export type Kind = 'portcullis' | 'gunicorn';

/** Who is started, and how. `start` runs the application `lives` of this folder. */
export type Contender = {
  readonly kind: Kind;
  readonly title: string;
  start(folder: string, setup: Setup): Program;
};

/** `start` runs `portcullis` with these arguments: the built program, or for tests the source. */
export function portcullis(start: (args: readonly string[], options: { readonly cwd: string }) => Program): Contender {
  return {
    kind: 'portcullis',
    title: 'Portcullis',
    start: (folder, { workers, edges = 1, flags = [] }) => {
      const processes = ['-k', 'node', '-w', String(workers), '--edges', String(edges)];
      const policy = ['-P', join(folder, 'policy.json')];
      return start(['-b', '127.0.0.1:0', ...processes, ...policy, ...flags, 'lives.mjs'], { cwd: folder });
    },
  };
}

/** The built program at this path. */
export function builtPortcullis(path: string): Contender {
  return portcullis((args, options) => startNode([path, ...args], options));
}

/** Threads, because the load keeps its connections; as many as it has and some more. */
export const gunicorn: Contender = {
  kind: 'gunicorn',
  title: 'Gunicorn gthread',
  start: (folder, { workers, flags = [] }) => {
    const args = ['-b', '127.0.0.1:0', '-k', 'gthread', '-w', String(workers), '--threads', '32'];
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', GUNICORN_CMD_ARGS: '' };
    const command = [...args, ...flags, 'wsgi_lives:application'];
    return new Program(spawn('gunicorn', command, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] }));
  },
};
