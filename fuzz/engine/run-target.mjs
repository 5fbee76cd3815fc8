import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { recordedSeeds } from '../seeds/recorded.ts';
import { bundleTarget } from './bundle.mjs';
import { minimize } from './minimize.mjs';

/**
 * One run of a fuzz target under jazzer.js (libFuzzer). Each target is `fuzz/NAME.fuzz.ts`, whose `fuzz(data)` throws
 * where an invariant does not hold, with `fuzz/seeds/NAME.ts` and, where inputs hold words, a dictionary.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
const work = `${root}.fuzz/`;
const suffix = '.fuzz.ts';

export const targets = readdirSync(`${root}fuzz`)
  .filter((name) => name.endsWith(suffix))
  .map((name) => name.slice(0, -suffix.length));

/** Longer inputs take longer and reach nothing that small limits do not bring within reach. In bytes. */
const maxInputBytes = { policy: 4096, 'request-parser': 1536 };
const defaultMaxInputBytes = 1024;
/** Literals that inputs may hold, where not `fuzz/NAME.dict`. */
const dictionaries = { 'request-parser': 'http', environ: 'http' };
/** An input that takes longer is a finding: most take some microseconds. */
const slowestInputMs = 30_000;
const mostMemoryMiB = 2048;

/**
 * Fuzzes for `seconds`, from the target's own seeds and those of a file of refused requests (`--record`), if there is one.
 * `text` has the figures, or what was found and where the case lies that repeats it.
 */
export async function fuzzTarget(target, seconds, recorded) {
  const bundle = await bundleTarget(`${root}fuzz/${target}${suffix}`, `${work}${target}.mjs`);
  const folders = ['corpus', 'seeds', 'found'].map((name) => `${work}${name}/${target}/`);
  const [corpus, seeds, found] = folders;
  for (const folder of [seeds, found]) rmSync(folder, { recursive: true, force: true });
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const { seeds: seedsOf } = await import(`../seeds/${target}.ts`);
  for (const { name, bytes } of seedsOf()) writeFileSync(`${seeds}${name}`, bytes);
  if (recorded !== undefined) {
    for (const { name, bytes } of recordedSeeds(recorded)) writeFileSync(`${seeds}${name}`, bytes);
  }
  const regressions = `${root}fuzz/regressions/${target}/`;
  const dictionary = `${root}fuzz/${dictionaries[target] ?? target}.dict`;

  const output = await jazzer(
    bundle,
    [corpus, seeds, ...(existsSync(regressions) ? [regressions] : [])],
    [
      `-max_total_time=${seconds}`,
      `-max_len=${maxInputBytes[target] ?? defaultMaxInputBytes}`,
      `-rss_limit_mb=${mostMemoryMiB}`,
      `-artifact_prefix=${found}`,
      '-use_value_profile=1',
      '-print_final_stats=1',
      ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
    ],
    `${work}${target}.log`,
  );
  if (output.status !== 0) return { passed: false, text: await reportFinding(target, found, output) };
  if (!/INITED cov: \d/.test(output.text)) return { passed: false, text: 'ran without coverage' };
  const late = await findingIn(target, corpus);
  if (late !== undefined) return { passed: false, text: await saveFinding(target, late.bytes, late.said) };
  return { passed: true, text: figures(output.text) };
}

/** Its output goes to a file: libFuzzer does not wait for a pipe that is full, and its last lines have the figures. */
async function jazzer(bundle, folders, libFuzzerOptions, log) {
  const preload = ['--import', `${root}fuzz/engine/preload.mjs`];
  const cli = `${root}node_modules/@jazzer.js/core/dist/cli.js`;
  // jazzer.js puts a time-out of its own behind libFuzzer's options.
  const options = ['--sync', '--disableBugDetectors=.*', `--timeout=${slowestInputMs}`, '--', ...libFuzzerOptions];
  const output = openSync(log, 'w');
  const child = spawn(process.execPath, [...preload, cli, bundle, ...folders, ...options], {
    cwd: work,
    stdio: ['ignore', output, output],
  });
  const [code, signal] = await once(child, 'close');
  closeSync(output);
  return { status: code ?? signal, text: readFileSync(log, 'utf8') };
}

function figures(text) {
  const last = (pattern) => [...text.matchAll(pattern)].at(-1)?.[1] ?? '?';
  const runs = Number(last(/stat::number_of_executed_units: (\d+)/g));
  const seconds = Number(last(/Done \d+ runs in (\d+) second/g));
  const perSecond = Math.round(runs / Math.max(seconds, 1));
  const [covered, features] = [last(/ cov: (\d+)/g), last(/ ft: (\d+)/g)];
  const inputs = last(/ corp: (\d+)/g);
  return `nothing found in ${runs} executions, ${seconds} s, ${perSecond}/s; cov ${covered}, features ${features}, corpus ${inputs}, ${last(/peak_rss_mb:\s+(\d+)/g)} MiB`;
}

/** What the run has learnt, once more: what a target checks of many inputs at once may have waited when the run ended. */
async function findingIn(target, corpus) {
  const { fuzz, finish } = await import(`../${target}.fuzz.ts`);
  for (const name of readdirSync(corpus)) {
    const bytes = readFileSync(corpus + name);
    try {
      fuzz(bytes);
    } catch (error) {
      return { bytes: inputOf(error.message) ?? bytes, said: error.message };
    }
  }
  try {
    finish?.();
  } catch (error) {
    return { bytes: inputOf(error.message) ?? Buffer.alloc(0), said: error.message };
  }
  return undefined;
}

/** An input that waited for another parser is carried by the message. */
function inputOf(message) {
  const carried = /^input: (\S+)$/m.exec(message)?.[1];
  return carried === undefined ? undefined : Buffer.from(carried, 'base64');
}

async function reportFinding(target, found, { status, text }) {
  const artifact = readdirSync(found).find((name) => /^(crash|timeout|oom)-/.test(name));
  if (artifact === undefined) return `ended with ${status}\n${text.slice(-4000)}`;
  const said = /Uncaught Exception: (?:Error: )?([^\n]*)/.exec(text)?.[1] ?? artifact;
  return saveFinding(target, inputOf(text) ?? readFileSync(`${found}${artifact}`), `${said}\n${text.slice(-2000)}`);
}

/** The input, made as small as it gets in some seconds, becomes a named regression case. */
async function saveFinding(target, bytes, said) {
  const invariant = /^[a-z0-9-]+(?=[:-])/.exec(said)?.[0] ?? 'finding';
  const smallest = await minimize(target, bytes);
  const name = `${invariant}-${createHash('sha256').update(smallest).digest('hex').slice(0, 8)}`;
  mkdirSync(`${root}fuzz/regressions/${target}`, { recursive: true });
  writeFileSync(`${root}fuzz/regressions/${target}/${name}`, smallest);
  return `FOUND ${said}\ncase: fuzz/regressions/${target}/${name} (${smallest.length} of ${bytes.length} bytes)`;
}
