#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { type Config, ConfigError } from './config/config.ts';
import { runImport } from './config/import-command.ts';
import { readConfig, type Surroundings } from './config/read-config.ts';
import { runControlCommand } from './control/run-control-command.ts';
import { runPolicyCommand } from './explain/run-policy-command.ts';
import { checkApp } from './master/check-app.ts';
import { daemonOf, startDaemon } from './master/daemon.ts';
import { openErrorOutput } from './master/error-output.ts';
import { runMaster } from './master/master.ts';
import { isUpgrade } from './master/upgrade.ts';
import { PolicyError } from './policy/mistake.ts';
import { openErrorLog } from './telemetry/error-log.ts';

const exitUsage = 2;
const { stdin, stdout, stderr, env: environment } = process;

/** By their name as first argument; whatever else stands there is a flag or the application. */
const subcommands = new Map<string, typeof serve>([
  ['ctl', (argv) => runControlCommand(argv, { stdout, stderr, environment })],
  ['import', importGunicorn],
  ['policy', (argv) => runPolicyCommand(argv, { stdin, stdout, stderr, environment })],
]);

async function main(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    const subcommand = subcommands.get(argv[0] ?? '');
    return await (subcommand === undefined ? serve(argv, surroundings) : subcommand(argv.slice(1), surroundings));
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof PolicyError)) throw error;
    stderr.write(`portcullis: ${error.message}\n`);
    return error instanceof ConfigError ? error.exitCode : exitUsage;
  }
}

async function serve(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  // A config file may take a while. Without handlers the one would end us and the other open a debugger's port.
  for (const signal of ['SIGHUP', 'SIGUSR1']) process.on(signal, () => {});
  const command = await readConfig(argv, surroundings);
  if (command.type === 'print') {
    stdout.write(command.text);
    return 0;
  }
  const { config } = command;
  const output = config.checkOnly ? null : openErrorOutput(config.errorLog);
  const ownLog = openErrorLog({
    level: config.logLevel,
    format: config.errorLog.format,
    ...(output === null ? {} : { write: (lines: string) => output.write(lines) }),
  });
  const daemon = config.daemon ? daemonOf(environment, config, ownLog) : null;
  if (config.daemon && daemon === null && !config.checkOnly && !isUpgrade(environment)) return startDaemon(config);
  const log = daemon?.log ?? ownLog;
  for (const warning of config.warnings) log.warning(warning);
  if (config.checkOnly) return checkApp(config, log);
  const reread = (): Promise<Config> => rereadConfig(argv, surroundings);
  try {
    return await runMaster(config, log, reread, { errorOutput: output, announceReady: daemon?.announceReady });
  } finally {
    await output?.settled();
  }
}

/** The same arguments ask for the same kind of command. */
async function rereadConfig(argv: readonly string[], surroundings: Surroundings): Promise<Config> {
  const command = await readConfig(argv, surroundings);
  if (command.type !== 'run') throw new Error(`the arguments ask for a text now: ${command.text}`);
  return command.config;
}

async function importGunicorn(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { out, complaints } = await runImport(argv, surroundings);
  stdout.write(out);
  stderr.write(complaints);
  return 0;
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

const surroundings = { environment, workingDirectory: process.cwd(), version: ownVersion() };
process.exit(await main(process.argv.slice(2), surroundings));
