import { lstatSync } from 'node:fs';
import { connect } from 'node:net';

/** Whether it is a Unix socket that a dead server left behind: nobody answers. What is no socket is never stale. */
export function isStale(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false);
  return new Promise((resolve) => {
    const probe = connect({ path });
    const settle = (stale: boolean): void => {
      probe.destroy();
      resolve(stale);
    };
    // A connect to a Unix socket succeeds or fails at once, except where the backlog is full: then somebody listens.
    probe.setTimeout(1_000, () => settle(false));
    probe.on('connect', () => settle(false));
    probe.on('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'));
  });
}
