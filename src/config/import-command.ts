import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { QuietCommand } from '../command-line/quiet-command.ts';
import { ConfigError } from './config.ts';
import { examinePythonConfig } from './config-python.ts';
import { configSource } from './find-config-file.ts';
import { importGunicorn } from './import-gunicorn.ts';
import type { Surroundings } from './read-config.ts';

export type Reports = { readonly out: string; readonly complaints: string };

/**
 * `portcullis import gunicorn.conf.py`: writes the config and the policy that say the same, and reports what could not be
 * carried over. That is no failure: whoever reads the list decides. Overwrites nothing. Throws `ConfigError`.
 */
export async function runImport(argv: readonly string[], surroundings: Surroundings): Promise<Reports> {
  const order = parse(argv);
  if ('help' in order) return { out: order.help, complaints: '' };
  const { workingDirectory } = surroundings;
  const source = configSource(order.file, workingDirectory);
  if (source.kind === 'document' || source.kind === 'script') {
    throw new ConfigError(`${order.file} is no config file of Gunicorn's, which is Python (file.py or python:module).`);
  }
  if (source.kind === 'python-file' && !existsSync(source.path))
    throw new ConfigError(`there is no file ${order.file}.`);
  const targets = [order.config, order.policy].map((path) => resolve(workingDirectory, path));
  if (targets[0] === targets[1]) throw new ConfigError('--config and --policy name the same file.');
  for (const path of targets)
    if (existsSync(path)) throw new ConfigError(`${path} is there already, and nothing is overwritten.`);
  const examined = await examinePythonConfig(source, surroundings);
  // With another working directory a relative path would start there.
  const policyPath = examined.settings.has('chdir') ? resolve(workingDirectory, order.policy) : order.policy;
  const { configText, policyText, lost } = importGunicorn(source.shown, examined, policyPath);
  write(resolve(workingDirectory, order.policy), policyText);
  write(resolve(workingDirectory, order.config), configText);
  const complaints = lost.length === 0 ? '' : `Not carried over:\n${lost.map((line) => `  ${line}\n`).join('')}`;
  return { out: `Wrote ${order.config} and ${order.policy}.\n`, complaints };
}

type Order = { readonly file: string; readonly config: string; readonly policy: string };

function parse(argv: readonly string[]): Order | { readonly help: string } {
  const quiet = new QuietCommand('portcullis import');
  const command = quiet.command
    .description("Writes a config file and a policy that say what Gunicorn's config file says.")
    .argument('<file>', 'gunicorn.conf.py, or python:module')
    .option('--config <file>', 'the config file to write', 'portcullis.config.yaml')
    .option('--policy <file>', 'the policy to write', 'policy.yaml');
  const outcome = quiet.parse(argv);
  if (outcome.type === 'print') return { help: outcome.text };
  if (outcome.type === 'mistake') throw new ConfigError(`${outcome.problem} portcullis import --help lists the flags.`);
  const { config, policy } = command.opts<{ config: string; policy: string }>();
  for (const path of [config, policy]) {
    if (!/\.ya?ml$/i.test(path))
      throw new ConfigError(`${JSON.stringify(path)} does not end in .yaml, and YAML is written.`);
  }
  return { file: command.args[0] ?? '', config, policy };
}

/** With `wx` a file that came since it was looked for is not overwritten either. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    throw new ConfigError(`${path} cannot be written: ${error instanceof Error ? error.message : error}.`);
  }
}
