#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { type Config, ConfigError } from './config/config.ts';
import { type Command, readConfig } from './config/read-config.ts';
import { checkApp } from './master/check-app.ts';
import { runMaster } from './master/master.ts';
import { PolicyError } from './policy/mistake.ts';
import { openErrorLog } from './telemetry/error-log.ts';

const exitUsage = 2;

const surroundings = { environment: process.env, workingDirectory: process.cwd(), version: ownVersion() };

async function main(): Promise<number> {
  let command: Command;
  try {
    command = readCommand();
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof PolicyError)) throw error;
    process.stderr.write(`portcullis: ${error.message}\n`);
    return error instanceof ConfigError ? error.exitCode : exitUsage;
  }
  if (command.type === 'print') {
    process.stdout.write(command.text);
    return 0;
  }
  const { config } = command;
  const log = openErrorLog({ level: config.logLevel });
  for (const warning of config.warnings) log.warning(warning);
  return config.checkOnly ? checkApp(config, log) : runMaster(config, log, rereadConfig);
}

function readCommand(): Command {
  return readConfig(process.argv.slice(2), surroundings);
}

/** The same arguments ask for the same kind of command. */
async function rereadConfig(): Promise<Config> {
  const command = await readCommand();
  if (command.type !== 'run') throw new Error(`the arguments ask for a text now: ${command.text}`);
  return command.config;
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

process.exit(await main());
