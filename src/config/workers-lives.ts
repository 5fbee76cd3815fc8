import { pathIn } from '../policy/load.ts';
import { type Config, ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';
import { defaultsOfSettings } from './setting-defaults.ts';
import { longFlag, type SettingName } from './settings.ts';

const ofWorkers = ['maxRequests', 'maxMemory', 'workerLifetime'] as const satisfies readonly SettingName[];

/** Throws `ConfigError` where a limit is for workers, and there are none. */
export function recyclingLimits(given: GivenSettings, workerClass: Config['workerClass']): Config['recycling'] {
  for (const name of ofWorkers) {
    const setting = given[name];
    if (workerClass !== 'inline' || setting === undefined || setting.value === 0) continue;
    throw new ConfigError(
      `${setting.origin}: with the worker class inline the edges, which hold the clients' connections, run the application: ${longFlag(name)} would end those. The class node has workers that can be replaced.`,
    );
  }
  return {
    maxRequests: given.maxRequests?.value ?? defaultsOfSettings.maxRequests,
    maxRequestsJitter: given.maxRequestsJitter?.value ?? defaultsOfSettings.maxRequestsJitter,
    maxMemoryBytes: given.maxMemory?.value ?? defaultsOfSettings.maxMemory,
    lifetimeMs: (given.workerLifetime?.value ?? defaultsOfSettings.workerLifetime) * 1000,
  };
}

/** Throws `ConfigError` where nobody could say what has been loaded. */
export function reloadOnChange(
  given: GivenSettings,
  workerClass: Config['workerClass'],
  directory: string,
): Config['reload'] {
  if (given.reload?.value !== true) return null;
  if (workerClass === 'inline') {
    throw new ConfigError(
      `${given.reload.origin}: with the worker class inline the application is loaded anew by a restart alone. The class node can reload it.`,
    );
  }
  return { extraFiles: (given.reloadExtraFiles?.value ?? []).map((file) => pathIn(directory, file)) };
}
