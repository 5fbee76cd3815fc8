import type { GivenTexts, SettingsLayer } from './precedence.ts';
import { longFlag, type SettingName, settingNames, settingOf } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `PORTCULLIS_WORKERS` for `--workers`. */
function variableOf(name: SettingName): string {
  return `PORTCULLIS_${longFlag(name).slice(2).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Settings from `PORTCULLIS_*`; an empty variable counts as not set. Unknown ones are left alone: a Kubernetes service
 * named portcullis puts a dozen of them into every container.
 */
export function settingsFromEnvironment(environment: Environment): SettingsLayer {
  const found = new Map<SettingName, GivenTexts>();
  for (const name of settingNames) {
    const { isFlagOnly } = settingOf(name);
    if (isFlagOnly !== true) take(found, name, variableOf(name), environment);
  }
  return found;
}

/**
 * What hosting platforms set (`WEB_CONCURRENCY`, `PORT`), and `SCRIPT_NAME` of Gunicorn. As in Gunicorn they only replace a
 * default: a config file goes before them.
 */
export function settingsFromPlatform(environment: Environment): SettingsLayer {
  const found = new Map<SettingName, GivenTexts>();
  take(found, 'workers', 'WEB_CONCURRENCY', environment);
  take(found, 'scriptName', 'SCRIPT_NAME', environment);
  take(found, 'bind', 'PORT', environment, (port) => `0.0.0.0:${port}`);
  return found;
}

function take(
  found: Map<SettingName, GivenTexts>,
  name: SettingName,
  variable: string,
  environment: Environment,
  asSetting = (text: string): string => text,
): void {
  const text = environment[variable];
  if (text === undefined || text === '') return;
  const origin = `environment ${variable}`;
  found.set(name, { texts: [asSetting(text)], origin, label: origin });
}
