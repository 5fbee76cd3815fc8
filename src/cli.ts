#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { ConfigError } from './config/config.ts';
import { type Command, readConfig } from './config/read-config.ts';
import { runPolicyCommand } from './explain/run-policy-command.ts';
import { checkApp } from './master/check-app.ts';
import { runMaster } from './master/master.ts';
import { PolicyError } from './policy/mistake.ts';
import { openErrorLog } from './telemetry/error-log.ts';

const exitUsage = 2;

async function main(): Promise<number> {
  const { stdin, stdout, stderr, env: environment } = process;
  if (process.argv[2] === 'policy')
    return runPolicyCommand(process.argv.slice(3), { stdin, stdout, stderr, environment });
  let command: Command;
  try {
    command = readConfig(process.argv.slice(2), {
      environment: process.env,
      workingDirectory: process.cwd(),
      version: ownVersion(),
    });
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
  return config.checkOnly ? checkApp(config, log) : runMaster(config, log);
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

process.exit(await main());
