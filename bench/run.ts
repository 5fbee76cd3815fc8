/** `npm run bench`: reads the command line, runs the sections one after the other, prints and writes what they found. */
import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { nodeLoad } from './load/closed-loop.ts';
import type { LoadGenerator } from './load/load.ts';
import { findWrk } from './load/wrk.ts';
import { describeMachine, isSupported, watchOthers } from './machine.ts';
import { type BenchOptions, type LoadChoice, readOptions, UsageError, usage } from './options.ts';
import { openMarkdown } from './report/markdown.ts';
import { describeRun, type MeasuredSection, type Report } from './report/report.ts';
import { sectionText } from './report/text.ts';
import type { Section } from './section.ts';
import { hostile } from './sections/hostile.ts';
import { idleConnections } from './sections/idle-connections.ts';
import { latency } from './sections/latency.ts';
import { lives } from './sections/lives.ts';
import { logging } from './sections/logging.ts';
import { type SectionName, sectionNames } from './sections/names.ts';
import { newConnections } from './sections/new-connections.ts';
import { parser } from './sections/parser.ts';
import { policy } from './sections/policy.ts';
import { protections } from './sections/protections.ts';
import { soak } from './sections/soak.ts';
import { throughput } from './sections/throughput.ts';
import { transfers } from './sections/transfers.ts';
import { wsgi } from './sections/wsgi.ts';
import { builtProgram } from './servers/portcullis.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const sections: Readonly<Record<SectionName, Section>> = {
  parser,
  throughput,
  policy,
  protections,
  'new-connections': newConnections,
  latency,
  'idle-connections': idleConnections,
  transfers,
  wsgi,
  logging,
  hostile,
  soak,
  lives,
};

// The servers end with this process, however it ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(EXIT_FAILED));

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') console.log(usage);
  else await run(options);
} catch (error) {
  console.error(
    error instanceof UsageError ? `${error.message}\n\n${usage}` : `The benchmark failed: ${inspect(error)}`,
  );
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
}

async function run(options: BenchOptions): Promise<void> {
  if (!isSupported()) throw new Error('CPU time and memory are read from /proc: this needs Linux');
  const load = chooseLoad(options.load);
  const program = options.program ?? builtProgram();
  const writeMarkdown = options.markdown === undefined ? undefined : openMarkdown(options.markdown);
  const about = { date: new Date().toISOString(), machine: describeMachine(), load: load.name };
  console.log(describeRun(about));
  const measured: MeasuredSection[] = [];
  for (const name of sectionNames.filter((candidate) => options.only.includes(candidate))) {
    const { title, run: measure } = sections[name];
    const others = watchOthers();
    const result = await measure({ options, load, program, progress: (text) => console.error(`  ${name}: ${text}`) });
    const section = { name, title, ...result, others: others() };
    measured.push(section);
    console.log(sectionText(section));
    for (const what of result.notRun ?? []) console.error(`  ${name}: not run: ${what}`);
    if ((result.notRun ?? []).length > 0) process.exitCode = EXIT_FAILED;
  }
  const report: Report = { ...about, sections: measured };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  writeMarkdown?.(report);
}

function chooseLoad(choice: LoadChoice): LoadGenerator {
  if (choice === 'node') return nodeLoad;
  const wrk = findWrk();
  if (wrk === undefined && choice === 'wrk') throw new UsageError('--load wrk: wrk is not installed');
  return wrk ?? nodeLoad;
}
