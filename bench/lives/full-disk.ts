import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Act, CannotRun, type Life, type Measure, type Prepared, type Scale, type Stage } from './life.ts';

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
  const full = readFileSync(file, 'latin1');
  truncateSync(file, 0);
  await load.until(
    () => statSync(file).size > 0,
    () => 'nothing is logged after there is room again',
  );
  await load.goesOn(ANSWERS);
  const measures: Measure[] = [{ what: 'lines on the full disk', unit: '', values: [linesOf(full)] }];
  if (subject.kind === 'portcullis') {
    const told = (): number => linesLost(full + readFileSync(file, 'latin1'));
    await load.until(
      () => told() > 0,
      () => 'nobody says how many lines are lost',
    );
    measures.push({ what: 'lines that it says were lost', unit: '', values: [told()] });
  }
  return { measures };
}

function linesOf(text: string): number {
  return text.match(/\n/g)?.length ?? 0;
}

/** As docs/logs.md has it: a line in the place of those that are not there. */
function linesLost(text: string): number {
  return [...text.matchAll(/^# .* (\d+) lines were lost/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}
