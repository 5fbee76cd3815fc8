import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mebibytes, whole } from '../report/quantity.ts';
import type { Goal, Section } from '../section.ts';
import { apps, startPortcullis } from '../servers/portcullis.ts';
import { soakPolicy } from '../soak/clients.ts';
import type { ActFigures } from '../soak/traffic.ts';
import { type ProcessFigures, soak as soakServer } from '../soak/watch.ts';

/** Between two quarters of the time, collectors and allocators of the system move this much by themselves. */
const MOST_GROWTH_BYTES = 16 * 1024 * 1024;

export const soak: Section = {
  title: 'A soak: mixed traffic',
  async run({ options, program, progress }) {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
    const file = join(folder, 'policy.json');
    writeFileSync(file, JSON.stringify(soakPolicy));
    try {
      const server = await startPortcullis({ program, mode: 'isolated', app: apps.site, policy: file });
      try {
        progress(`${options.soakSeconds} s of mixed traffic`);
        const { acts, processes, ended } = await soakServer(server.port, server.roots, options.soakSeconds);
        return {
          method: `${options.soakSeconds} s of all of these clients at the same time, without a pause: ${acts.map(({ name, done }) => `${name} (${whole(done)})`).join('; ')}. Every answer is compared. Memory: median of the resident memory in the second and in the last quarter of the time. Descriptors: before the traffic, after a first few seconds of it, and when its last connection is closed.`,
          columns: ['process', 'memory, 2nd quarter', 'memory, last quarter', 'growth', 'descriptors', 'after'],
          rows: processes.map(({ name, early, late, descriptorsBefore, descriptorsAfter }) => [
            name,
            mebibytes(early),
            mebibytes(late),
            mebibytes(late - early),
            whole(descriptorsBefore),
            whole(descriptorsAfter),
          ]),
          goals: [...processes.flatMap(processGoals), lasting(ended), ...answers(acts)],
          notes: [],
          data: { acts, processes, ended },
        };
      } finally {
        await server.stop();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function processGoals({ name, early, late, descriptorsBefore, descriptorsAfter }: ProcessFigures): readonly Goal[] {
  return [
    {
      text: `${name}: growth of the memory <= ${mebibytes(MOST_GROWTH_BYTES)}`,
      measured: mebibytes(late - early),
      isMet: late - early <= MOST_GROWTH_BYTES,
    },
    {
      text: `${name}: no descriptor more than before`,
      measured: whole(descriptorsAfter - descriptorsBefore),
      isMet: descriptorsAfter <= descriptorsBefore,
    },
  ];
}

function lasting(ended: readonly number[]): Goal {
  return { text: 'no process ends', measured: `${ended.length} ended`, isMet: ended.length === 0 };
}

/** One line for all of them, and one more for each kind of client that was not served as it should have been. */
function answers(acts: readonly ActFigures[]): readonly Goal[] {
  const failed = acts.filter(({ failures }) => failures.length > 0);
  const all = acts.reduce((sum, { done }) => sum + done, 0);
  return [
    { text: 'every client is served as it should be', measured: `${whole(all)} were`, isMet: failed.length === 0 },
    ...failed.map(({ name, failures }) => ({ text: name, measured: failures.join('; '), isMet: false })),
  ];
}
