// npm run fuzz                          every target, one minute each, two at a time: what CI runs
// npm run fuzz -- TARGET --minutes N    one target for longer; its corpus is kept in .fuzz/ from run to run
// --seeds FILE                           for request-parser: a file of --record as further seeds
// Exit status 1: a finding, saved as a case under fuzz/regressions/, or a target that ran without coverage.
import { parseArgs } from 'node:util';
import { fuzzTarget, targets } from '../fuzz/engine/run-target.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    seeds: { type: 'string' },
  },
});
const seconds = Math.round(60 * Number(values.minutes));
const wanted = positionals.length === 0 ? targets : positionals;
const unknown = wanted.filter((name) => !targets.includes(name));
const seedsFit = values.seeds === undefined || (wanted.length === 1 && wanted[0] === 'request-parser');
if (!seedsFit || unknown.length > 0 || !(seconds > 0) || !(Number(values.jobs) > 0)) {
  console.error(
    `usage: npm run fuzz -- [${targets.join('|')}]... [--minutes N] [--jobs N]\n       npm run fuzz -- request-parser --seeds FILE`,
  );
  process.exit(2);
}
if (!ensureSystemPackages()) process.exit(1);

const queue = [...wanted];
let failed = false;
async function work() {
  for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
    const outcome = await fuzzTarget(target, seconds, values.seeds);
    console.log(`fuzz ${target}: ${outcome.text}`);
    if (!outcome.passed) failed = true;
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, work));
if (failed) process.exitCode = 1;
