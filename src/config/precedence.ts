import { type SettingName, type SettingValue, settingNames, settingOf } from './settings.ts';

/** What one source says of a setting, unread. */
export type GivenTexts = {
  /** More than one only of a repeatable setting. */
  readonly texts: readonly string[];
  /** Where it came from, for people: `flag --workers`, `environment WEB_CONCURRENCY`, `gunicorn.conf.py:3`. */
  readonly origin: string;
  /** The beginning of a message about it: the origin, and in a file the setting's name too. */
  readonly label: string;
};

/** All that one source says. */
export type SettingsLayer = ReadonlyMap<SettingName, GivenTexts>;

/** The settings that were given at all, read and checked, each with where it came from. */
export type GivenSettings = {
  readonly [Name in SettingName]?: { readonly value: SettingValue<Name>; readonly origin: string };
};

/**
 * The first layer that has a setting wins; what none gives is left to the policy file and the defaults. What a later layer
 * says is then not even read. Throws `ConfigError`.
 */
export function mergeSettings(layers: readonly SettingsLayer[]): GivenSettings {
  const given: Partial<Record<SettingName, { value: unknown; origin: string }>> = {};
  for (const name of settingNames) {
    const texts = layers.find((layer) => layer.has(name))?.get(name);
    if (texts !== undefined) given[name] = { value: readSetting(name, texts), origin: texts.origin };
  }
  // Each value has just come out of the parser of its own name.
  return given as GivenSettings;
}

/** Throws `ConfigError`, whose message begins with the label. */
export function readSetting(name: SettingName, { texts, label }: GivenTexts): unknown {
  const { parse, repeatable } = settingOf(name);
  const values = texts.map((text) => parse(text, label));
  return repeatable === true ? values.flat() : values.at(-1);
}
