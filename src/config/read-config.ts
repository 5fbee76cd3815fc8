import { loadTrustedPolicy } from '../explain/trusted-policy.ts';
import { doubtText } from '../policy/coherence.ts';
import { pathIn } from '../policy/load.ts';
import { withOverrides } from '../policy/override.ts';
import { adminFrom, adminWarnings } from './admin-address.ts';
import { parseAppArgument } from './app-argument.ts';
import { type Config, ConfigError } from './config.ts';
import type { ConfigEntry } from './config-entry.ts';
import { controlSocketFrom } from './control-socket.ts';
import { type Environment, settingsFromEnvironment, settingsFromPlatform } from './environment.ts';
import { parseCommandLine } from './flags.ts';
import { gunicornCommandArguments } from './gunicorn-command-arguments.ts';
import { loadConfigFile } from './load-config-file.ts';
import { accessLogConfig, errorLogConfig } from './logging.ts';
import { policyOverrides } from './policy-overrides.ts';
import { type GivenSettings, type GivenTexts, mergeSettings } from './precedence.ts';
import { printConfig } from './print-config.ts';
import { recordingOptions } from './recording.ts';
import { defaultsOfSettings } from './setting-defaults.ts';
import { longFlag, maxEdges } from './settings.ts';
import { statsdFrom } from './statsd.ts';
import { systemConfig } from './system-settings.ts';
import { recyclingLimits, reloadOnChange } from './workers-lives.ts';
import { bindsFrom, directoryOf } from './working-directory.ts';

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
 * The whole configuration, or what is wrong with it: `ConfigError`, or `PolicyError` of a policy or config file.
 * Evaluates the config file, reads the policy file and looks whether the application's module exists; starts nothing and
 * changes nothing, so a reload calls it again.
 */
export async function readConfig(argv: readonly string[], surroundings: Surroundings): Promise<Command> {
  const { environment, workingDirectory, version } = surroundings;
  const commandLine = parseCommandLine(argv, version);
  if (commandLine.type === 'print') return commandLine;
  const gunicorn = gunicornCommandArguments(environment, version);
  const layers = [commandLine.given, settingsFromEnvironment(environment), gunicorn.given];
  const file = await loadConfigFile(mergeSettings(layers).config?.value, surroundings);
  const given = mergeSettings([...layers, file.settings, settingsFromPlatform(environment)]);
  const app = commandLine.app === undefined ? file.app : argument(commandLine.app);
  const directory = directoryOf(given, workingDirectory);
  const policyFile = given.policy === undefined ? null : pathIn(directory, given.policy.value);
  const trusted = loadTrustedPolicy(given.policy?.value ?? null, directory);
  const { policy, warnings: ofOverrides } = withOverrides(trusted.policy, policyOverrides(given));
  const binds = bindsFrom(given, directory, workingDirectory);
  const admin = adminFrom(given, binds, directory);
  const warnings = [
    ...commandLine.warnings,
    ...gunicorn.warnings,
    ...file.warnings,
    ...threadsWarning(given),
    ...trusted.doubts.map(doubtText),
    ...ofOverrides,
    ...adminWarnings(admin),
  ];
  if (commandLine.printConfig || gunicorn.printConfig) {
    return { type: 'print', text: printConfig({ app, given, configFile: file.shown, policy, warnings }) };
  }
  const target = findApp(app, file.workerHooks, directory);
  const config: Config = {
    app: target,
    workingDirectory: directory,
    environment: Object.fromEntries(given.env?.value ?? []),
    binds,
    ...countProcesses(given),
    workerConnections: given.workerConnections?.value ?? defaultsOfSettings.workerConnections,
    scriptName: given.scriptName?.value ?? defaultsOfSettings.scriptName,
    backlog: given.backlog?.value ?? defaultsOfSettings.backlog,
    recycling: recyclingLimits(given, given.workerClass?.value ?? defaultsOfSettings.workerClass),
    preload: given.preloadApp?.value ?? defaultsOfSettings.preloadApp,
    reload: reloadOnChange(given, given.workerClass?.value ?? defaultsOfSettings.workerClass, directory),
    policy,
    policyFile,
    watchPolicy: watchesPolicy(given),
    gracefulTimeoutMs: (given.gracefulTimeout?.value ?? defaultsOfSettings.gracefulTimeout) * 1000,
    rateLimitStore: given.rateLimitStore?.value ?? defaultsOfSettings.rateLimitStore,
    ...systemConfig(given, target, directory),
    logLevel: given.logLevel?.value ?? defaultsOfSettings.logLevel,
    accessLog: accessLogConfig(given, target, directory),
    errorLog: errorLogConfig(given, target, directory),
    record: recordingOptions(given, directory),
    controlSocket: controlSocketFrom(given, directory),
    hooks: file.hooks,
    version,
    admin,
    statsd: statsdFrom(given),
    checkOnly: commandLine.checkOnly || gunicorn.checkOnly,
    warnings,
  };
  return { type: 'run', config: Object.freeze(config) };
}

function argument(text: string): GivenTexts {
  return { texts: [text], origin: 'argument', label: 'argument' };
}

function findApp(app: GivenTexts | null, workerHooks: readonly ConfigEntry[], directory: string): Config['app'] {
  const text = app?.texts[0];
  if (text === undefined) {
    throw new ConfigError(
      'the application is missing: portcullis [flags] path/to/module.js. portcullis --help lists the flags.',
    );
  }
  const target = parseAppArgument(text, directory);
  if (workerHooks.length === 0) return target;
  const lines = workerHooks.map(
    ({ origin, name }) =>
      `${origin}: ${name}: this hook is for Python workers, and ${text} is a JavaScript application, which runs in Node`,
  );
  throw new ConfigError(lines.join('\n'));
}

/** Nothing in Node is made parallel by it; whoever moves over from Gunicorn has it in a Dockerfile. */
function threadsWarning({ threads }: GivenSettings): readonly string[] {
  if (threads === undefined || threads.value === 1) return [];
  return [
    `${threads.origin}: a JavaScript application has one thread in each worker; --workers is how to run more at once.`,
  ];
}

/** With `inline` the edges run the application, so they are what `--workers` counts. */
function countProcesses(given: GivenSettings): Pick<Config, 'workerClass' | 'workers' | 'edges'> {
  const workerClass = given.workerClass?.value ?? defaultsOfSettings.workerClass;
  const workers = given.workers?.value ?? defaultsOfSettings.workers;
  if (workerClass === 'node') return { workerClass, workers, edges: given.edges?.value ?? defaultsOfSettings.edges };
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

function watchesPolicy({ watchPolicy, policy }: GivenSettings): boolean {
  if (watchPolicy?.value !== true) return false;
  if (policy !== undefined) return true;
  throw new ConfigError(`${watchPolicy.origin}: there is no policy file to watch. ${longFlag('policy')} names one.`);
}
