import { loadTrustedPolicy } from '../explain/trusted-policy.ts';
import { doubtText } from '../policy/coherence.ts';
import { pathIn } from '../policy/load.ts';
import { withOverrides } from '../policy/override.ts';
import { adminFrom, adminWarnings } from './admin-address.ts';
import { applicationFrom } from './application.ts';
import { type Config, ConfigError } from './config.ts';
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
import { settingsInForce } from './upstream-settings.ts';
import type { WorkerClass } from './worker-class.ts';
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
  const { config: named, python } = mergeSettings(layers);
  const file = await loadConfigFile(named?.value, { environment, workingDirectory, python: python?.value ?? null });
  const app = commandLine.app === undefined ? file.app : argument(commandLine.app);
  const merged = mergeSettings([...layers, file.settings, settingsFromPlatform(environment)]);
  const { given, warnings: ofUpstream } = settingsInForce(merged, app);
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
    ...ofUpstream,
    ...trusted.doubts.map(doubtText),
    ...ofOverrides,
    ...adminWarnings(admin),
  ];
  if (commandLine.printConfig || gunicorn.printConfig) {
    return { type: 'print', text: printConfig({ app, given, configFile: file.shown, policy, warnings }) };
  }
  const application = await applicationFrom(app, given, file, environment, directory);
  const { app: target, workerClass } = application;
  const config: Config = {
    ...application,
    workingDirectory: directory,
    environment: Object.fromEntries(given.env?.value ?? []),
    binds,
    ...countProcesses(workerClass, given),
    workerConnections: given.workerConnections?.value ?? defaultsOfSettings.workerConnections,
    scriptName: given.scriptName?.value ?? defaultsOfSettings.scriptName,
    backlog: given.backlog?.value ?? defaultsOfSettings.backlog,
    recycling: recyclingLimits(given, workerClass),
    preload: given.preloadApp?.value ?? defaultsOfSettings.preloadApp,
    reload: reloadOnChange(given, workerClass, directory),
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
    warnings: [...warnings, ...application.warnings],
  };
  return { type: 'run', config: Object.freeze(config) };
}

function argument(text: string): GivenTexts {
  return { texts: [text], origin: 'argument', label: 'argument' };
}

/** With `inline` the edges run the application, so they are what `--workers` counts. */
function countProcesses(workerClass: WorkerClass, given: GivenSettings): Pick<Config, 'workers' | 'edges'> {
  const workers = workerClass === 'uwsgi' ? 0 : (given.workers?.value ?? defaultsOfSettings.workers);
  if (workerClass !== 'inline') return { workers, edges: given.edges?.value ?? defaultsOfSettings.edges };
  if (given.edges !== undefined) {
    throw new ConfigError(
      `${given.edges.origin}: with the worker class inline the edges run the application; --workers says how many.`,
    );
  }
  if (workers > maxEdges) {
    throw new ConfigError(`${given.workers?.origin}: with the worker class inline at most ${maxEdges} can run.`);
  }
  return { workers: 0, edges: workers };
}

function watchesPolicy({ watchPolicy, policy }: GivenSettings): boolean {
  if (watchPolicy?.value !== true) return false;
  if (policy !== undefined) return true;
  throw new ConfigError(`${watchPolicy.origin}: there is no policy file to watch. ${longFlag('policy')} names one.`);
}
