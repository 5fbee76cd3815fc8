import { excerpt } from '../policy/excerpt.ts';
import type { Position } from '../policy/mistake.ts';
import { nearestNames } from '../suggestion/nearest-name.ts';
import { ConfigError } from './config.ts';
import {
  type GunicornName,
  gunicornNames,
  gunicornSetting,
  isGunicornDefault,
  problemOf,
  warningOf,
} from './gunicorn-settings.ts';
import { type ConfigHooks, camelCase, hookName } from './hooks.ts';
import { type GivenTexts, readSetting, type SettingsLayer } from './precedence.ts';
import { isSwitch, type SettingName, settingNames, settingOf } from './settings.ts';

/** One name of a config file with its value, whatever language the file is in. */
export type ConfigEntry = {
  readonly name: string;
  readonly value: unknown;
  /** The value in the words of the file, for messages. */
  readonly shown: string;
  /** `gunicorn.conf.py:3`. */
  readonly origin: string;
  /** Where name and value stand, in files whose text can be shown. */
  readonly place?: { readonly name: Position; readonly value: Position };
};

export type EntryMistake = { readonly entry: ConfigEntry; readonly at: 'name' | 'value'; readonly problem: string };

/** What a config file says, each part with where it says so. */
export type ConfigFile = {
  readonly settings: SettingsLayer;
  /** The application. */
  readonly app: GivenTexts | null;
  readonly hooks: ConfigHooks;
  /** Functions that would run in Python workers. */
  readonly workerHooks: readonly ConfigEntry[];
  /** What is accepted and should be heard of. */
  readonly warnings: readonly string[];
};

export type HookEntry = { readonly entry: ConfigEntry; readonly hook: GunicornName };

export type ReadEntries = Pick<ConfigFile, 'settings' | 'app' | 'warnings'> & {
  /** Who can have hooks, and in which language, is said by the format of the file. */
  readonly hooks: readonly HookEntry[];
  readonly mistakes: readonly EntryMistake[];
  /** Names that are no setting of anybody. */
  readonly unknown: readonly ConfigEntry[];
};

/** The keys of a config file: our names and Gunicorn's. */
const ownKeys: readonly string[] = [...settingNames.filter((name) => name !== 'config'), 'app'];
const configKeys: readonly string[] = [...new Set([...ownKeys, ...gunicornNames, ...hookKeys()])];

function hookKeys(): readonly string[] {
  return gunicornNames.filter((name) => hookName(name) !== undefined).map(camelCase);
}

/** Sorts the entries of one file into settings and mistakes; all of them, so that the operator sees every mistake at once. */
export function readEntries(entries: readonly ConfigEntry[]): ReadEntries {
  const settings = new Map<SettingName, GivenTexts>();
  const givenBy = new Map<string, string>();
  const hooks: HookEntry[] = [];
  const warnings: string[] = [];
  const mistakes: EntryMistake[] = [];
  const unknown: ConfigEntry[] = [];
  let app: GivenTexts | null = null;
  for (const entry of entries) {
    const target = targetOf(entry);
    if (target === 'unknown') {
      unknown.push(entry);
    } else if (target === 'nothing') {
      // Gunicorn's default, which is what happens anyway.
    } else if ('warning' in target) {
      warnings.push(`${entry.origin}: ${entry.name}: ${target.warning}.`);
    } else if ('hook' in target) {
      const other = givenBy.get(target.hook);
      givenBy.set(target.hook, entry.name);
      if (other === undefined) hooks.push({ entry, hook: target.hook });
      else mistakes.push({ entry, at: 'name', problem: `this is another name of ${other}` });
    } else if ('refused' in target) {
      mistakes.push({ entry, at: 'name', problem: target.refused });
    } else {
      const { name } = target;
      const other = givenBy.get(name);
      givenBy.set(name, entry.name);
      const outcome = textsOf(entry, name);
      if (other !== undefined) mistakes.push({ entry, at: 'name', problem: `this is another name of ${other}` });
      else if ('problem' in outcome) mistakes.push({ entry, at: 'value', problem: outcome.problem });
      else if (name === 'app') app = outcome;
      else settings.set(name, outcome);
    }
  }
  return { settings, app, hooks, warnings, mistakes, unknown };
}

/** What an entry is about, by its name and, where Gunicorn's default asks for nothing, by its value. */
type Target =
  | 'unknown'
  | 'nothing'
  | { readonly name: SettingName | 'app' }
  | { readonly hook: GunicornName }
  | { readonly warning: string }
  | { readonly refused: string };

function targetOf(entry: ConfigEntry): Target {
  const { name, value } = entry;
  const hook = hookName(name);
  if (hook !== undefined) return { hook };
  const setting = gunicornSetting(name);
  if (setting === undefined) return ownKeys.includes(name) ? { name: name as SettingName | 'app' } : 'unknown';
  const { fate } = setting;
  if (fate.type === 'ours') {
    const asksForNothing = setting.default !== undefined && isGunicornDefault(setting, value);
    return asksForNothing ? 'nothing' : { name: fate.name };
  }
  if (fate.type === 'app') return { name: 'app' };
  if (isGunicornDefault(setting, value)) return 'nothing';
  const warning = warningOf(fate);
  return warning === undefined ? { refused: problemOf(fate) ?? '' } : { warning };
}

function textsOf(entry: ConfigEntry, name: SettingName | 'app'): GivenTexts | { readonly problem: string } {
  const isList = name !== 'app' && settingOf(name).repeatable === true;
  const values: readonly unknown[] = isList && Array.isArray(entry.value) ? entry.value : [entry.value];
  const isYesOrNo = name !== 'app' && isSwitch(name);
  const texts = values.flatMap((value) => {
    if (typeof value === 'boolean' && isYesOrNo) return [value ? '1' : '0'];
    return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
  });
  if (texts.length < values.length || texts.length === 0) {
    const ofScalar = isYesOrNo ? 'true or false' : 'a string or a number';
    const expected = isList ? 'a string or a list of strings' : ofScalar;
    return { problem: `expected ${expected}, found ${entry.shown}` };
  }
  const found = { texts, origin: entry.origin, label: `${entry.origin}: ${entry.name}` };
  try {
    if (name !== 'app') readSetting(name, found);
    return found;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Of a setting's parser: label, colon, problem, full stop.
    return { problem: error.message.slice(`${found.label}: `.length).replace(/\.$/, '') };
  }
}

/** What is wrong with an entry whose name is no setting of anybody. */
export function unknownName({ name }: ConfigEntry): string {
  const nearest = nearestNames(name, configKeys, 1)[0];
  const meant = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  return `expected the name of a setting, found "${excerpt(name)}"${meant}`;
}
