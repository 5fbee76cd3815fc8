import { loadPolicy } from '../policy/load.ts';
import { type Override, withOverrides } from '../policy/override.ts';
import { parseAppArgument } from './app-argument.ts';
import { defaultPort } from './bind-address.ts';
import { type Config, ConfigError } from './config.ts';
import type { Environment } from './environment.ts';
import { parseCommandLine } from './flags.ts';
import { type GivenSettings, mergeSettings } from './precedence.ts';
import { recordingOptions } from './recording.ts';
import { maxEdges, type SettingName } from './settings.ts';

/** What the command line asks for: a text to print, or a server to run. */
export type Command =
  | { readonly type: 'print'; readonly text: string }
  | { readonly type: 'run'; readonly config: Config };

export type Surroundings = {
  readonly environment: Environment;
  readonly workingDirectory: string;
  readonly version: string;
};

/**
 * The whole configuration, or the first thing that is wrong with it: `ConfigError`, or `PolicyError` of the policy file.
 * Reads the policy file and looks whether the application's module exists; starts nothing.
 */
export function readConfig(argv: readonly string[], surroundings: Surroundings): Command {
  const { environment, workingDirectory, version } = surroundings;
  const commandLine = parseCommandLine(argv, version);
  if (commandLine.type === 'print') return commandLine;
  const given = mergeSettings(commandLine.given, environment);
  if (commandLine.app === undefined) {
    throw new ConfigError(
      'the application is missing: portcullis [flags] path/to/module.js. portcullis --help lists the flags.',
    );
  }
  const processes = countProcesses(given);
  const { policy, warnings } = withOverrides(loadPolicy(given.policy?.value ?? null), policyOverrides(given));
  const config: Config = {
    app: parseAppArgument(commandLine.app, workingDirectory),
    binds: given.bind?.value ?? [{ kind: 'tcp', host: '127.0.0.1', port: defaultPort }],
    ...processes,
    workerConnections: given.workerConnections?.value ?? 1000,
    scriptName: given.scriptName?.value ?? '',
    backlog: given.backlog?.value ?? 2048,
    policy,
    gracefulTimeoutMs: (given.gracefulTimeout?.value ?? 30) * 1000,
    logLevel: given.logLevel?.value ?? 'info',
    record: recordingOptions(given, workingDirectory),
    checkOnly: commandLine.checkOnly,
    warnings,
  };
  return { type: 'run', config: Object.freeze(config) };
}

/** With `inline` the edges run the application, so they are what `--workers` counts. */
function countProcesses(given: GivenSettings): Pick<Config, 'workerClass' | 'workers' | 'edges'> {
  const workerClass = given.workerClass?.value ?? 'node';
  const workers = given.workers?.value ?? 1;
  if (workerClass === 'node') return { workerClass, workers, edges: given.edges?.value ?? 1 };
  if (given.edges !== undefined) {
    throw new ConfigError(
      `${given.edges.origin}: with the worker class inline the edges run the application; --workers says how many.`,
    );
  }
  if (workers > maxEdges) {
    throw new ConfigError(`${given.workers?.origin}: with the worker class inline at most ${maxEdges} can run.`);
  }
  return { workerClass, workers: 0, edges: workers };
}

/** The flags that replace a value of the policy. */
const pointers = {
  limitRequestLine: '/request/line/maxBytes',
  limitRequestFields: '/request/fields/maxCount',
  limitRequestFieldSize: '/request/fields/maxFieldBytes',
  timeout: '/timeouts/worker',
  keepAlive: '/keepAlive/idle',
} as const satisfies Partial<Record<SettingName, Override['pointer']>>;

function policyOverrides(given: GivenSettings): readonly Override[] {
  return (Object.keys(pointers) as readonly (keyof typeof pointers)[]).flatMap((name) => {
    const setting = given[name];
    return setting === undefined ? [] : [{ pointer: pointers[name], ...setting }];
  });
}
