import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findGunicorn, startGunicorn } from '../servers/gunicorn.ts';
import { findNginx, startProxy } from '../servers/nginx.ts';
import { apps, startPortcullis } from '../servers/portcullis.ts';
import type { Server } from '../servers/server.ts';
import { DEADLINE_SECONDS, type PolicyFile } from './trials.ts';

export const contenderNames = ['portcullis', 'gunicorn-sync', 'gunicorn-gthread', 'nginx'] as const;
export type ContenderName = (typeof contenderNames)[number];

export type Contender = {
  readonly title: string;
  /** Only its rows have controls and goals, and all the rounds. */
  readonly isOurs: boolean;
  /** Why it cannot be tried here; undefined where it can. */
  readonly missing: string | undefined;
  /** The one program that meets the clients, by the name of its process: whose CPU is shown. */
  readonly front: string | undefined;
  /** `policy` where it knows policies. */
  start(policy: PolicyFile): Promise<Server>;
};

/** No cap of a worker is to end what the deadlines are to end. */
const CONNECTIONS = 15_000;
const flags = ['--worker-connections', String(CONNECTIONS)];

export function contenderOf(name: ContenderName, program: string): Contender {
  const common = { isOurs: false, front: undefined };
  const noGunicorn =
    findGunicorn() === undefined ? 'Gunicorn is not installed (gunicorn, a package of Debian)' : undefined;
  switch (name) {
    case 'portcullis':
      return {
        title: 'Portcullis',
        isOurs: true,
        missing: undefined,
        front: 'edge',
        start: (policy) => startWithPolicy(program, policy),
      };
    case 'gunicorn-sync':
      return { ...common, title: 'Gunicorn sync', missing: noGunicorn, start: () => startGunicorn('sync') };
    case 'gunicorn-gthread':
      return { ...common, title: 'Gunicorn gthread', missing: noGunicorn, start: () => startGunicorn('gthread') };
    case 'nginx': {
      const nginx = findNginx();
      const noNginx = nginx === undefined ? 'nginx is not installed' : undefined;
      const title = 'nginx + Gunicorn sync';
      const start = async (): Promise<Server> => {
        if (nginx === undefined) throw new Error('nginx is not installed');
        const upstream = await startGunicorn('sync');
        const options = {
          workerProcesses: 'auto',
          connectionsPerWorker: CONNECTIONS,
          clientSeconds: DEADLINE_SECONDS,
        } as const;
        return startProxy(nginx, upstream, options);
      };
      return { ...common, title, missing: noNginx ?? noGunicorn, start };
    }
  }
}

async function startWithPolicy(program: string, policy: PolicyFile): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const file = join(folder, 'policy.json');
    writeFileSync(file, JSON.stringify(policy));
    const server = await startPortcullis({ program, mode: 'isolated', app: apps.site, policy: file, flags });
    return { ...server, stop: () => server.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}
