import { longFlag, type SettingName, settingNames } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text that gives a setting its value, and where it stands: `flag --workers`, `environment WEB_CONCURRENCY`. */
export type GivenText = { readonly text: string; readonly origin: string };

/** `PORTCULLIS_WORKERS` for `--workers`. */
export function variableOf(name: SettingName): string {
  return `PORTCULLIS_${longFlag(name).slice(2).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Settings from the environment; an empty variable counts as not set. `WEB_CONCURRENCY` and `PORT` are what hosting
 * platforms set, `SCRIPT_NAME` is Gunicorn's, and all only replace a default. Unknown `PORTCULLIS_*` are left alone: a Kubernetes service named
 * portcullis puts a dozen of them into every container.
 */
export function settingsFromEnvironment(environment: Environment): ReadonlyMap<SettingName, GivenText> {
  const found = new Map<SettingName, GivenText>();
  const take = (name: SettingName, variable: string, asSetting = (text: string): string => text): void => {
    const text = environment[variable];
    if (text !== undefined && text !== '' && !found.has(name)) {
      found.set(name, { text: asSetting(text), origin: `environment ${variable}` });
    }
  };
  for (const name of settingNames) take(name, variableOf(name));
  take('workers', 'WEB_CONCURRENCY');
  take('scriptName', 'SCRIPT_NAME');
  take('bind', 'PORT', (port) => `0.0.0.0:${port}`);
  return found;
}
