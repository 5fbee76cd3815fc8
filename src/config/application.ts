import { parseAppArgument } from './app-argument.ts';
import { type Config, ConfigError } from './config.ts';
import type { ConfigFile } from './config-entry.ts';
import type { Environment } from './environment.ts';
import type { GivenSettings, GivenTexts } from './precedence.ts';
import { pythonPlace } from './python-place.ts';
import { defaultsOfSettings } from './setting-defaults.ts';
import { upstreamApplication } from './upstream-settings.ts';
import { workerClassFor } from './worker-class.ts';

/** What runs, and on what. */
export type Application = Pick<Config, 'app' | 'workerClass' | 'threads' | 'python' | 'warnings'>;

/** Throws `ConfigError`: there is no application, or a setting does not fit its language. */
export async function applicationFrom(
  text: GivenTexts | null,
  given: GivenSettings,
  file: Pick<ConfigFile, 'hooks' | 'workerHooks'>,
  environment: Environment,
  directory: string,
): Promise<Application> {
  const [argument] = text?.texts ?? [];
  if (argument === undefined) {
    throw new ConfigError(
      'the application is missing: portcullis [flags] package.module:callable, or path/to/module.js. portcullis --help lists the flags.',
    );
  }
  const app = parseAppArgument(argument, directory);
  if (app.kind === 'uwsgi') return upstreamApplication(app, given, file);
  if (app.kind === 'javascript') refuseWorkerHooks(argument, file);
  else refuseWorkerUser(given);
  return {
    app,
    workerClass: workerClassFor(app, given),
    threads: app.kind === 'python' ? (given.threads?.value ?? defaultsOfSettings.threads) : 1,
    python: app.kind === 'python' ? await pythonPlace(given, environment, directory) : null,
    warnings: app.kind === 'python' ? hooksWarnings(file) : settingsWarnings(given),
  };
}

function refuseWorkerHooks(argument: string, { workerHooks }: Pick<ConfigFile, 'workerHooks'>): void {
  if (workerHooks.length === 0) return;
  const lines = workerHooks.map(
    ({ origin, name }) =>
      `${origin}: ${name}: this hook is for Python workers, and ${argument} is a JavaScript application, which runs in Node`,
  );
  throw new ConfigError(lines.join('\n'));
}

/** Python runs what lies in its own directories (`site`, `.pth` files) before the worker could give up what it has of root. */
function refuseWorkerUser({ workerUser }: GivenSettings): void {
  if (workerUser === undefined) return;
  throw new ConfigError(
    `${workerUser.origin}: Python workers as another user than the edges are not in this version yet.`,
  );
}

/** Ordinary tutorials have `def post_fork(server, worker): ...`, mostly for a line in the log: no reason to serve nobody. */
function hooksWarnings({ hooks, workerHooks }: Pick<ConfigFile, 'hooks' | 'workerHooks'>): readonly string[] {
  const notInThisVersion = 'does not run: hooks of Python workers are not in this version yet.';
  return [
    ...workerHooks.map(({ origin, name }) => `${origin}: ${name}: this hook ${notInThisVersion}`),
    ...Object.values(hooks.worker).map((name) => `${hooks.module}: ${name}: this hook ${notInThisVersion}`),
  ];
}

/** Nothing in Node is made parallel by it; whoever moves over from Gunicorn has it in a Dockerfile. */
function settingsWarnings({ threads, python, pythonpath }: GivenSettings): readonly string[] {
  const warnings: string[] = [];
  if (threads !== undefined && threads.value !== 1) {
    warnings.push(
      `${threads.origin}: a JavaScript application has one thread in each worker; --workers is how to run more at once.`,
    );
  }
  for (const setting of [python, pythonpath]) {
    if (setting !== undefined) warnings.push(`${setting.origin}: has no effect, because no Python runs here.`);
  }
  return warnings;
}
