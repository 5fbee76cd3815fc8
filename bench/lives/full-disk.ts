import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Act, CannotRun, type Life, type Prepared, type Scale, type Stage } from './life.ts';

const sizes: Readonly<Record<Scale, string>> = { long: '1m', short: '64k' };
/** With the disk full. */
const ANSWERS = 500;

export const fullDisk: Life = {
  name: 'the disk under the access log is full',
  kinds: ['portcullis', 'gunicorn'],
  times: { long: 1, short: 1 },
  hasVolume: true,
  setup: { workers: 2 },
  needsRoot: true,
  prepare: mountDisk,
  act: fillDisk,
};

/** A small disk of its own: nobody else's is to be full. */
async function mountDisk(scale: Scale): Promise<Prepared> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizes[scale]}`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    rmSync(folder, { recursive: true });
    throw new CannotRun('mounting a small disk needs root');
  }
  const remove = (): void => {
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  };
  return { folder, flags: ['--access-logfile', join(folder, 'access.log')], remove };
}

async function fillDisk({ subject, load, prepared }: Stage): Promise<Act> {
  if (prepared === undefined) throw new Error('there is no disk');
  const file = join(prepared.folder, 'access.log');
  await load.until(
    () => statfsSync(prepared.folder).bavail === 0,
    () => 'the disk does not become full',
  );
  await load.goesOn(ANSWERS);
  const lines = readFileSync(file, 'latin1').match(/\n/g)?.length ?? 0;
  truncateSync(file, 0);
  const problems: string[] = [];
  await load.until(
    () => statSync(file).size > 0,
    () => 'nothing is logged after there is room again',
  );
  await load.goesOn(ANSWERS);
  const told =
    /\b(\d+) (?:access log )?lines\b[^\n]*\b(?:lost|dropped|not written)\b|\b(?:lost|dropped)\b[^\n]*\b\d+ lines/i;
  if (subject.kind === 'portcullis' && !told.test(subject.program.stderr + readFileSync(file, 'latin1'))) {
    problems.push('nobody says how many lines are lost');
  }
  return { measures: [{ what: 'lines on the full disk', unit: '', values: [lines] }], problems };
}
