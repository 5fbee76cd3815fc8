import type { UwsgiApp } from '../worker/uwsgi-target.ts';
import type { Application } from './application.ts';
import type { ConfigFile } from './config-entry.ts';
import type { GivenSettings, GivenTexts } from './precedence.ts';
import type { SettingName } from './settings.ts';
import { isUwsgiArgument } from './uwsgi-argument.ts';
import { workerClassFor } from './worker-class.ts';

/** Of processes that run an application. An upstream has its own, which we do not start. */
const ofWorkers = [
  ...['workers', 'threads', 'python', 'pythonpath', 'env', 'workerUser', 'preloadApp', 'reload', 'reloadExtraFiles'],
  ...['maxRequests', 'maxRequestsJitter', 'maxMemory', 'workerLifetime', 'workerConnections'],
] as readonly SettingName[];
const noWorkers = 'has no effect: the uWSGI server runs the application, with settings of its own.';

/** What holds of the settings where the application is a uWSGI upstream, and what an operator should hear of the others. */
export function settingsInForce(
  all: GivenSettings,
  app: GivenTexts | null,
): { readonly given: GivenSettings; readonly warnings: readonly string[] } {
  const isUpstream = app?.texts.some(isUwsgiArgument) ?? false;
  if (!isUpstream) return { given: all, warnings: [] };
  const given = Object.fromEntries(Object.entries(all).filter(([name]) => !ofWorkers.includes(name as SettingName)));
  const asked = ofWorkers.flatMap((name) => {
    const setting = all[name];
    return setting === undefined || setting.value === false || setting.value === 0 ? [] : [setting.origin];
  });
  return { given, warnings: asked.map((origin) => `${origin}: ${noWorkers}`) };
}

export function upstreamApplication(
  app: UwsgiApp,
  given: GivenSettings,
  { hooks, workerHooks }: Pick<ConfigFile, 'hooks' | 'workerHooks'>,
): Application {
  const warnings = [
    ...workerHooks.map(({ origin, name }) => `${origin}: ${name}: this hook ${noWorkers}`),
    ...Object.values(hooks.worker).map((name) => `${hooks.module}: ${name}: this hook ${noWorkers}`),
  ];
  return { app, workerClass: workerClassFor(app, given), threads: 1, python: null, warnings };
}
